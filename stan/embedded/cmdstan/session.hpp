#ifndef EMBEDDED_CMDSTAN_SESSION_HPP
#define EMBEDDED_CMDSTAN_SESSION_HPP

#include <fstream>
#include <iostream>
#include <memory>
#include <stan/callbacks/interrupt.hpp>
#include <stan/callbacks/json_writer.hpp>
#include <stan/callbacks/stream_logger.hpp>
#include <stan/callbacks/unique_stream_writer.hpp>
#include <stan/callbacks/writer.hpp>
#include <stan/io/var_context.hpp>
#include <stan/model/model_base.hpp>
#include <string>
#include <vector>

#include "command_line.hpp"

namespace embedded {

using CsvWriter = stan::callbacks::unique_stream_writer<std::ofstream>;
using JsonWriter = stan::callbacks::json_writer<std::ofstream>;
using Context = std::shared_ptr<stan::io::var_context>;

/// Opens the output files of a run and watches over them. A writer without a file ignores what it
/// is given.
class Outputs {
 public:
  CsvWriter csv(const std::string& path, int sig_figs);
  JsonWriter json(const std::string& path, int sig_figs);

  /// Throws where a file could not be written to its end, a full disk for instance.
  void check_written();

 private:
  struct Opened {
    std::string path;
    std::ofstream* stream;  // owned by its writer
  };
  std::unique_ptr<std::ofstream> open(const std::string& path, int sig_figs);
  std::vector<Opened> opened_;
};

/// Everything that a service needs of a run: the model, initial values, random seed and writers,
/// one of each a chain.
class Session {
 public:
  /// Reads initial values and opens all output files; throws where either fails.
  Session(const CommandLine& command_line, stan::model::model_base& model);

  /// Writes what each file starts with: versions, model, time, configuration, stanc's flags.
  void write_headers();

  const CommandLine& command_line;
  const Config& config;
  stan::model::model_base& model;

  unsigned int seed;
  unsigned int id;
  unsigned int num_chains;
  int refresh;
  int sig_figs;
  double init_radius = 2;

  /// Whether Pathfinder is to keep the draws and the iterations of single paths.
  bool save_single_paths = false;

  stan::callbacks::interrupt interrupt;
  stan::callbacks::stream_logger logger{std::cout, std::cout, std::cout, std::cerr, std::cerr};

  Outputs outputs;
  std::vector<Context> inits;
  std::vector<stan::callbacks::writer> init_writers;
  std::vector<CsvWriter> samples;
  std::unique_ptr<CsvWriter> all_paths;  ///< what several paths of Pathfinder give together
  std::vector<CsvWriter> diagnostics;
  std::vector<JsonWriter> structured_diagnostics;
  std::vector<JsonWriter> metrics;
  std::unique_ptr<JsonWriter> config_file;

 private:
  void open_writers();
  void open_pathfinder_writers();
  void write_header(CsvWriter& writer) const;
  void write_diagnostic_header(CsvWriter& writer) const;
  void write_config(JsonWriter& writer) const;
};

}  // namespace embedded

#endif
