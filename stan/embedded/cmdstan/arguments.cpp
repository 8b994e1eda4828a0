#include "arguments.hpp"

#include <sstream>
#include <stdexcept>
#include <type_traits>

namespace embedded {

namespace {

// Numbers are read as CmdStan reads them: up to the first character that does not belong to one.
void read(const std::string& text, double& value) { value = std::stod(text); }
void read(const std::string& text, int& value) { value = std::stoi(text); }
void read(const std::string& text, long long& value) { value = std::stoll(text); }
void read(const std::string& text, std::string& value) { value = text; }

void read(const std::string& text, unsigned int& value) {
  const long long number = std::stoll(text);
  value = static_cast<unsigned int>(number);
  if (value != number) throw std::out_of_range(text);
}

void read(const std::string& text, bool& value) {
  value = text == "1" || text == "true";
  if (!value && text != "0" && text != "false") throw std::invalid_argument(text);
}

std::string show(bool value) { return value ? "true" : "false"; }
std::string show(const std::string& value) { return value; }

template <typename T>
std::string show(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

template <typename T>
std::string type_name() {
  if constexpr (std::is_same_v<T, bool>) return "boolean";
  if constexpr (std::is_same_v<T, double>) return "double";
  if constexpr (std::is_same_v<T, std::string>) return "string";
  if constexpr (std::is_unsigned_v<T>) return "unsigned int";
  return "int";
}

}  // namespace

std::pair<std::string, std::string> split_word(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos) return {word, ""};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

bool Argument::help_requested(ParseState& state, bool recurse_on_all) const {
  const bool all = state.word() == "help-all";
  if (!all && state.word() != "help") return false;
  help(state.info, 0, all && recurse_on_all);
  state.help_printed = true;
  state.drop_rest();
  return true;
}

void Argument::find(const std::string& name, const std::string& prefix,
                    std::vector<std::string>& paths) const {
  if (name == name_) paths.push_back(prefix + name_);
}

bool Word::parse(ParseState& state) {
  if (!state.empty()) help_requested(state, false);
  return true;
}

void Word::help(const Line& out, int depth, bool) const {
  out(indent(depth) + name());
  out(indent(depth + 1) + description());
  out("");
}

bool Group::parse(ParseState& state) {
  bool found = true;
  bool valid = true;
  while (found && valid && !state.empty()) {
    if (help_requested(state, true)) return true;
    const std::string word = state.word();
    const std::string key = split_word(word).first;
    if (key == name()) return false;
    found = false;
    for (auto& argument : arguments_) {
      if (argument->name() != key) continue;
      if (word == key) state.advance();
      valid = argument->parse(state);
      found = true;
      break;
    }
  }
  return valid;
}

void Group::list(std::vector<std::string>& lines, int depth) const {
  lines.push_back(indent(depth) + name());
  for (const auto& argument : arguments_) argument->list(lines, depth + 1);
}

void Group::visit(ConfigVisitor& visitor) const {
  visitor.begin(name());
  for (const auto& argument : arguments_) argument->visit(visitor);
  visitor.end();
}

void Group::help(const Line& out, int depth, bool recurse) const {
  out(indent(depth) + name());
  out(indent(depth + 1) + description());
  if (!arguments_.empty()) {
    std::string names;
    for (const auto& argument : arguments_)
      names += (names.empty() ? " " : ", ") + argument->name();
    out(indent(depth + 1) + "Valid subarguments:" + names);
  }
  out("");
  if (!recurse) return;
  for (const auto& argument : arguments_) argument->help(out, depth + 1, true);
}

void Group::find(const std::string& wanted, const std::string& prefix,
                 std::vector<std::string>& paths) const {
  Argument::find(wanted, prefix, paths);
  for (const auto& argument : arguments_) argument->find(wanted, prefix + name() + " ", paths);
}

bool Choice::accepts(const std::string& value) const {
  for (const auto& argument : values_)
    if (argument->name() == value) return true;
  return false;
}

std::string Choice::valid_values() const {
  std::string names;
  for (const auto& value : values_) names += (names.empty() ? " " : ", ") + value->name();
  return names;
}

bool Choice::parse(ParseState& state) {
  if (state.empty()) return true;
  const auto [key, value] = split_word(state.word());
  if (key != name()) return true;
  state.advance();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i]->name() != value) continue;
    current_ = static_cast<int>(i);
    select_(current_);
    return values_[i]->parse(state);
  }
  state.error(value + " is not a valid value for \"" + name() + "\"");
  state.error("  Valid values:" + valid_values());
  state.drop_rest();
  return false;
}

void Choice::list(std::vector<std::string>& lines, int depth) const {
  lines.push_back(indent(depth) + name() + " = " + values_[current_]->name() +
                  (current_ == default_ ? " (Default)" : ""));
  values_[current_]->list(lines, depth + 1);
}

void Choice::visit(ConfigVisitor& visitor) const {
  visitor.begin(name());
  visitor.value("value", values_[current_]->name());
  values_[current_]->visit(visitor);
  visitor.end();
}

void Choice::help(const Line& out, int depth, bool recurse) const {
  out(indent(depth) + name() + "=<list element>");
  out(indent(depth + 1) + description());
  out(indent(depth + 1) + "Valid values:" + valid_values());
  out(indent(depth + 1) + "Defaults to " + values_[default_]->name());
  out("");
  if (!recurse) return;
  for (const auto& value : values_) value->help(out, depth + 1, true);
}

void Choice::find(const std::string& wanted, const std::string& prefix,
                  std::vector<std::string>& paths) const {
  if (wanted == name()) paths.push_back(prefix + name() + "=<list_element>");
  for (const auto& value : values_) value->find(wanted, prefix + name() + "=", paths);
}

template <typename T>
bool Value<T>::parse(ParseState& state) {
  if (state.empty() || help_requested(state, false)) return true;
  const auto [key, text] = split_word(state.word());
  if (key != name()) return true;
  state.advance();
  try {
    T value{};
    read(text, value);
    if (!range_.contains || range_.contains(value)) {
      field_ = value;
      return true;
    }
  } catch (const std::logic_error&) {
    // Not a number: refused below, as a number out of range is.
  }
  state.error(text + " is not a valid value for \"" + name() + "\"");
  state.error("  Valid values: " + range_.words);
  state.drop_rest();
  return false;
}

template <typename T>
void Value<T>::list(std::vector<std::string>& lines, int depth) const {
  lines.push_back(indent(depth) + name() + " = " + (shown_ ? shown_() : show(field_)) +
                  (field_ == default_ ? " (Default)" : ""));
}

template <typename T>
void Value<T>::visit(ConfigVisitor& visitor) const {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
    visitor.value(name(), static_cast<long long>(field_));
  else
    visitor.value(name(), field_);
}

template <typename T>
void Value<T>::help(const Line& out, int depth, bool) const {
  out(indent(depth) + name() + "=<" + type_name<T>() + ">");
  out(indent(depth + 1) + description());
  out(indent(depth + 1) + "Valid values: " + range_.words);
  out(indent(depth + 1) + "Defaults to " +
      (default_words_.empty() ? show(default_) : default_words_));
  out("");
}

template <typename T>
void Value<T>::find(const std::string& wanted, const std::string& prefix,
                    std::vector<std::string>& paths) const {
  if (wanted == name()) paths.push_back(prefix + name() + "=<" + type_name<T>() + ">");
}

template class Value<bool>;
template class Value<int>;
template class Value<unsigned int>;
template class Value<long long>;
template class Value<double>;
template class Value<std::string>;

}  // namespace embedded
