#ifndef EMBEDDED_CMDSTAN_ARGUMENTS_HPP
#define EMBEDDED_CMDSTAN_ARGUMENTS_HPP

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// The tree of arguments behind a CmdStan command line: what it accepts, how it is listed in a
/// file's header, and its help. A leaf writes into the field of `Config` that it is bound to.
namespace embedded {

/// Takes one line of console text, without its newline.
using Line = std::function<void(const std::string&)>;

/// Receives the whole tree in order, for the JSON form of the configuration.
class ConfigVisitor {
 public:
  virtual ~ConfigVisitor() = default;
  virtual void begin(const std::string& name) = 0;
  virtual void end() = 0;
  virtual void value(const std::string& name, const std::string& value) = 0;
  virtual void value(const std::string& name, double value) = 0;
  virtual void value(const std::string& name, long long value) = 0;
  virtual void value(const std::string& name, bool value) = 0;
};

/// The words still to be read, and where messages go.
class ParseState {
 public:
  ParseState(std::vector<std::string> words, Line info, Line error)
      : info(std::move(info)), error(std::move(error)), words_(std::move(words)) {}

  bool empty() const { return next_ == words_.size(); }
  const std::string& word() const { return words_[next_]; }
  void replace_word(std::string word) { words_[next_] = std::move(word); }
  void advance() { ++next_; }
  void drop_rest() { next_ = words_.size(); }

  Line info;
  Line error;
  bool help_printed = false;

 private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

/// `name=value` into its two parts; the value is empty where there is no '='.
std::pair<std::string, std::string> split_word(const std::string& word);

class Argument {
 public:
  Argument(std::string name, std::string description)
      : name_(std::move(name)), description_(std::move(description)) {}
  virtual ~Argument() = default;

  const std::string& name() const { return name_; }
  const std::string& description() const { return description_; }

  /// Reads what belongs to this argument; false where a value is refused.
  virtual bool parse(ParseState& state) = 0;
  /// Appends the lines of the configuration header.
  virtual void list(std::vector<std::string>& lines, int depth) const = 0;
  virtual void visit(ConfigVisitor& visitor) const = 0;
  virtual void help(const Line& out, int depth, bool recurse) const = 0;
  /// Collects the full paths of arguments called `name`, for "did you mean".
  virtual void find(const std::string& name, const std::string& prefix,
                    std::vector<std::string>& paths) const;

 protected:
  /// Prints help where the next word asks for it.
  bool help_requested(ParseState& state, bool recurse_on_all) const;
  static std::string indent(int depth) { return std::string(2 * depth, ' '); }

 private:
  std::string name_;
  std::string description_;
};

/// A choice's value without arguments of its own, such as `metric=unit_e`.
class Word final : public Argument {
 public:
  using Argument::Argument;
  bool parse(ParseState& state) override;
  void list(std::vector<std::string>&, int) const override {}
  void visit(ConfigVisitor&) const override {}
  void help(const Line& out, int depth, bool recurse) const override;
};

/// A named set of arguments, such as `adapt`.
class Group final : public Argument {
 public:
  using Argument::Argument;

  Group& add(std::unique_ptr<Argument> argument) {
    arguments_.push_back(std::move(argument));
    return *this;
  }

  bool parse(ParseState& state) override;
  void list(std::vector<std::string>& lines, int depth) const override;
  void visit(ConfigVisitor& visitor) const override;
  void help(const Line& out, int depth, bool recurse) const override;
  void find(const std::string& name, const std::string& prefix,
            std::vector<std::string>& paths) const override;

 private:
  std::vector<std::unique_ptr<Argument>> arguments_;
};

/// One of several words or groups, such as `algorithm=hmc`.
class Choice final : public Argument {
 public:
  /// `select` stores the index of the chosen value.
  Choice(std::string name, std::string description, int initial, std::function<void(int)> select)
      : Argument(std::move(name), std::move(description)),
        select_(std::move(select)),
        default_(initial),
        current_(initial) {}

  Choice& add(std::unique_ptr<Argument> value) {
    values_.push_back(std::move(value));
    return *this;
  }

  const std::vector<std::unique_ptr<Argument>>& values() const { return values_; }
  bool accepts(const std::string& value) const;

  bool parse(ParseState& state) override;
  void list(std::vector<std::string>& lines, int depth) const override;
  void visit(ConfigVisitor& visitor) const override;
  void help(const Line& out, int depth, bool recurse) const override;
  void find(const std::string& name, const std::string& prefix,
            std::vector<std::string>& paths) const override;

 private:
  std::string valid_values() const;

  std::vector<std::unique_ptr<Argument>> values_;
  std::function<void(int)> select_;
  int default_;
  int current_;
};

/// `name=value` of one type: bool, int, unsigned int, long long, double or std::string.
template <typename T>
class Value final : public Argument {
 public:
  /// What is allowed, in words and as a test.
  struct Range {
    std::string words;
    std::function<bool(const T&)> contains;
  };

  Value(std::string name, std::string description, T& field, Range range)
      : Argument(std::move(name), std::move(description)),
        field_(field),
        default_(field),
        range_(std::move(range)) {}

  /// What the listing shows instead of the value; the seed needs it.
  void show_as(std::function<std::string()> shown) { shown_ = std::move(shown); }
  /// What help says of the default, where its value does not say it.
  void default_in_words(std::string words) { default_words_ = std::move(words); }

  bool parse(ParseState& state) override;
  void list(std::vector<std::string>& lines, int depth) const override;
  void visit(ConfigVisitor& visitor) const override;
  void help(const Line& out, int depth, bool recurse) const override;
  void find(const std::string& name, const std::string& prefix,
            std::vector<std::string>& paths) const override;

 private:
  T& field_;
  T default_;
  Range range_;
  std::function<std::string()> shown_;
  std::string default_words_;
};

extern template class Value<bool>;
extern template class Value<int>;
extern template class Value<unsigned int>;
extern template class Value<long long>;
extern template class Value<double>;
extern template class Value<std::string>;

}  // namespace embedded

#endif
