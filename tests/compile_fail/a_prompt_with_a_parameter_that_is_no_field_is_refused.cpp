// SPDX-License-Identifier: BSL-1.0
// expect-gcc: call to non-.constexpr. function .*the_prompt_has_a_parameter_that_is_no_field_of_the_struct
// expect-clang: call to consteval function .* is not a constant expression
#include <catena/llm/prompt_template.hpp>

#include <boost/describe/class.hpp>

struct review {
  std::string product;
  int stars;
};
BOOST_DESCRIBE_STRUCT(review, (), (product, stars))

catena::llm::messages wrong(const review& r) {
  const catena::llm::prompt_template<review> ask("Why has {product} only {stars} stars, {name}?");
  return ask(r);
}
