// SPDX-License-Identifier: BSD-3-Clause
#ifndef LATENTBENCH_BRIDGESTAN_MESSAGES_HPP
#define LATENTBENCH_BRIDGESTAN_MESSAGES_HPP

#include <iostream>
#include <mutex>
#include <ostream>
#include <streambuf>

#include "bridgestan.h"

namespace latentbench {

/** Hands on what is written to it, unbuffered, to a callback or to standard output. */
class MessageBuffer final : public std::streambuf {
 public:
  void set_callback(bs_print_callback callback) {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    callback_ = callback;
  }

 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (callback_) {
      callback_(text, static_cast<size_t>(size));
    } else {
      std::cout.write(text, size);
    }
    return size;
  }

  int_type overflow(int_type character) override {
    if (traits_type::eq_int_type(character, traits_type::eof()))
      return traits_type::not_eof(character);
    const char text = traits_type::to_char_type(character);
    xsputn(&text, 1);
    return character;
  }

  int sync() override {
    std::lock_guard<std::recursive_mutex> lock(mutex_);
    if (!callback_) std::cout.flush();
    return 0;
  }

 private:
  // Recursive, since a callback may itself evaluate a model that prints.
  std::recursive_mutex mutex_;
  bs_print_callback callback_ = nullptr;
};

/** Returns the one buffer that all models of this library print to. */
inline MessageBuffer& message_buffer() {
  static MessageBuffer buffer;
  return buffer;
}

/** Returns the calling thread's stream onto that buffer: streams, unlike the buffer, are not
 * shared. */
inline std::ostream* messages() {
  static thread_local std::ostream stream(&message_buffer());
  return &stream;
}

}  // namespace latentbench

#endif
