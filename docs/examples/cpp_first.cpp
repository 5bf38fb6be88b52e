// The first program of the C++ guide: one image through the digits classifier.
#include <oriel/oriel.h>

#include <algorithm>
#include <cstdio>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    oriel::Session session(argv[1]);
    const std::vector<float> image(1 * 1 * 8 * 8, 0.5f);
    const std::vector<oriel::Value> outputs = session.run({{"image", oriel::Value::wrap(image, {1, 1, 8, 8})}});
    const auto probabilities = outputs[0].data<float>();
    const auto best = std::max_element(probabilities.begin(), probabilities.end());
    std::printf("class %d of %zu\n", static_cast<int>(best - probabilities.begin()), probabilities.size());
  } catch (const oriel::Error& error) {
    std::fprintf(stderr, "%s: %s\n", oriel::error_code_name(error.code()), error.what());
    return 1;
  }
  return 0;
}
