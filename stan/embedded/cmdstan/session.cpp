#include "session.hpp"

#include <cmath>
#include <cstring>
#include <ctime>
#include <optional>
#include <stan/version.hpp>
#include <stdexcept>

#include "contexts.hpp"
#include "files.hpp"

namespace embedded {

namespace {

constexpr auto comment = "# ";

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc;
  char text[] = "2000-01-01 00:00:00 UTC";
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &utc));
  return text;
}

/// Returns what a text says that is a number and nothing besides; any other text names a file.
std::optional<double> read_radius(const std::string& text) {
  double radius = 0;
  try {
    std::size_t length = 0;
    radius = std::stod(text, &length);
    if (length != text.size()) return std::nullopt;
  } catch (const std::logic_error&) {  // not a number, or not one that a double holds
    return std::nullopt;
  }
  // CmdStan searches forever from these, or until its stack is full.
  if (radius < 0 || !std::isfinite(radius))
    throw std::invalid_argument("init=" + text +
                                ": a radius must be finite and must not be negative.");
  return radius;
}

/// The configuration as JSON, in the form of Stan's own writer.
class JsonConfig final : public ConfigVisitor {
 public:
  explicit JsonConfig(JsonWriter& writer) : writer_(writer) {}
  void begin(const std::string& name) override { writer_.begin_record(name); }
  void end() override { writer_.end_record(); }
  void value(const std::string& name, const std::string& value) override {
    writer_.write(name, value);
  }
  void value(const std::string& name, double value) override { writer_.write(name, value); }
  void value(const std::string& name, long long value) override { writer_.write(name, value); }
  void value(const std::string& name, bool value) override { writer_.write(name, value); }

 private:
  JsonWriter& writer_;
};

}  // namespace

std::unique_ptr<std::ofstream> Outputs::open(const std::string& path, int sig_figs) {
  auto stream = open_output(path, sig_figs);
  opened_.push_back({path, stream.get()});
  return stream;
}

CsvWriter Outputs::csv(const std::string& path, int sig_figs) {
  return CsvWriter(open(path, sig_figs), comment);
}

JsonWriter Outputs::json(const std::string& path, int sig_figs) {
  return JsonWriter(open(path, sig_figs));
}

void Outputs::check_written() {
  for (auto& [path, stream] : opened_) {
    stream->exceptions(std::ofstream::goodbit);
    const bool failed = stream->bad();
    stream->clear();
    errno = 0;
    if (!stream->flush() || failed)
      throw std::runtime_error("Can't write output file \"" + path + "\"" +
                               (errno != 0 ? std::string(": ") + std::strerror(errno) : ""));
  }
}

Session::Session(const CommandLine& command_line, stan::model::model_base& model)
    : command_line(command_line),
      config(command_line.config()),
      model(model),
      seed(config.seed < 0 ? config.random_seed : static_cast<unsigned int>(config.seed)),
      id(config.id),
      num_chains(config.num_chains()),
      refresh(config.output.refresh),
      sig_figs(config.output.sig_figs),
      init_writers(num_chains) {
  open_writers();

  const auto radius = read_radius(config.init);
  if (radius) init_radius = *radius;
  inits = read_contexts(radius ? "" : config.init, num_chains, id);
}

void Session::write_headers() {
  if (config_file) write_config(*config_file);
  for (auto& writer : samples) write_header(writer);
  if (all_paths) write_header(*all_paths);
  for (auto& writer : diagnostics) write_diagnostic_header(writer);
}

void Session::open_writers() {
  const auto& output = config.output;
  if (config.method == Method::pathfinder) {
    open_pathfinder_writers();
  } else {
    for (const auto& name : chain_files(output.file, "", ".csv", num_chains, id))
      samples.push_back(outputs.csv(name, sig_figs));
    const bool structured = config.method == Method::laplace;
    if (!output.diagnostic_file.empty()) {
      const std::string type = structured ? ".json" : ".csv";
      for (const auto& name : chain_files(output.diagnostic_file, "", type, num_chains, id))
        if (structured)
          structured_diagnostics.push_back(outputs.json(name, sig_figs));
        else
          diagnostics.push_back(outputs.csv(name, sig_figs));
    }
  }
  if (config.method == Method::sample && config.sample.adapt.save_metric) {
    if (!config.sample.adapt.engaged)
      throw std::invalid_argument(
          "Saving the adapted metric (save_metric=1) can only be enabled when adaptation is "
          "engaged (adapt engaged=1)\n");
    for (const auto& name : chain_files(output.file, "_metric", ".json", num_chains, id))
      metrics.push_back(outputs.json(name, sig_figs));
  }
  if (output.save_cmdstan_config)
    config_file = std::make_unique<JsonWriter>(
        outputs.json(split_suffix(output.file).first + "_config.json", sig_figs));
  while (samples.size() < num_chains) samples.emplace_back(nullptr);
  while (diagnostics.size() < num_chains) diagnostics.emplace_back(nullptr);
  while (structured_diagnostics.size() < num_chains) structured_diagnostics.emplace_back(nullptr);
  while (metrics.size() < num_chains) metrics.emplace_back(nullptr);
}

// One path writes its draws to the output file itself; several write theirs beside it, on request.
void Session::open_pathfinder_writers() {
  const auto& output = config.output;
  save_single_paths = config.pathfinder.save_single_paths;
  std::string iterations = output.diagnostic_file;
  if (save_single_paths && iterations.empty()) iterations = output.file;
  if (!iterations.empty()) save_single_paths |= num_chains == 1;

  const std::string tag = num_chains == 1 ? "" : "_path";
  if (num_chains > 1)
    all_paths = std::make_unique<CsvWriter>(
        outputs.csv(chain_files(output.file, "", ".csv", 1, id)[0], sig_figs));
  if (num_chains == 1 || !iterations.empty())
    for (const auto& name : chain_files(output.file, tag, ".csv", num_chains, id))
      samples.push_back(outputs.csv(name, sig_figs));
  if (!iterations.empty())
    for (const auto& name : chain_files(iterations, tag, ".json", num_chains, id))
      structured_diagnostics.push_back(outputs.json(name, sig_figs));
}

void Session::write_header(CsvWriter& writer) const {
  writer("stan_version_major = " + stan::MAJOR_VERSION);
  writer("stan_version_minor = " + stan::MINOR_VERSION);
  writer("stan_version_patch = " + stan::PATCH_VERSION);
  writer("model = " + model.model_name());
  writer("start_datetime = " + utc_now());
  for (const auto& line : command_line.list()) writer(line);
  for (const auto& line : model.model_compile_info()) writer(line);
}

void Session::write_diagnostic_header(CsvWriter& writer) const {
  writer("stan_version_major = " + stan::MAJOR_VERSION);
  writer("stan_version_minor = " + stan::MINOR_VERSION);
  writer("stan_version_patch = " + stan::PATCH_VERSION);
  writer("model = " + model.model_name());
  for (const auto& line : command_line.list()) writer(line);
}

void Session::write_config(JsonWriter& writer) const {
  writer.begin_record();
  writer.write("stan_major_version", stan::MAJOR_VERSION);
  writer.write("stan_minor_version", stan::MINOR_VERSION);
  writer.write("stan_patch_version", stan::PATCH_VERSION);
  writer.write("model_name", model.model_name());
  writer.write("start_datetime", utc_now());
  JsonConfig visitor(writer);
  command_line.visit(visitor);
  writer.write("mpi_enabled", false);
  for (const auto& line : model.model_compile_info()) {
    const auto equals = line.find(" = ");
    if (equals != std::string::npos) writer.write(line.substr(0, equals), line.substr(equals + 3));
  }
  writer.end_record();
}

}  // namespace embedded
