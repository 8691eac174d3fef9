// SPDX-License-Identifier: BSL-1.0
#include <catena/model/model_options.hpp>

#include <stdexcept>

namespace catena {

void check(const model_options& options) {
  if (options.name.empty()) throw std::invalid_argument("model_options::name must not be empty");
  if (options.name.find('/') != std::string::npos)
    throw std::invalid_argument("model_options::name must have no '/', which separates the names of a path: '" + options.name + "'");
  if (options.version.empty()) throw std::invalid_argument("model_options::version must not be empty");
  if (options.instances < 1 || options.instances > 1024)
    throw std::invalid_argument("model_options::instances must be 1 to 1024, is " + std::to_string(options.instances));
  if (options.batches_under_way < 1 || options.batches_under_way > 64)
    throw std::invalid_argument("model_options::batches_under_way must be 1 to 64, is " + std::to_string(options.batches_under_way));
  check(options.batch);
  check(options.queue);
  check(options.warm_up);
  const std::size_t most = padded_size(options.batch, options.batch.max_size);
  for (const std::size_t n : options.warm_up.sizes)
    if (n > most)
      throw std::invalid_argument("warm_up_options::sizes must be at most what a batch may have, " + std::to_string(most) + ", has " +
                                  std::to_string(n));
}

}  // namespace catena
