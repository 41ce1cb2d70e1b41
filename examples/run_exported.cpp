// Run a detector that `mimolearn export` wrote, with ONNX Runtime in C++ and nothing else.
//
//   mimolearn export tap-net-5s receiver.onnx
//   g++ -std=c++17 -O2 run_exported.cpp -I$ORT/include -L$ORT/lib -lonnxruntime -o run_exported
//   ./run_exported receiver.onnx h.bin y.bin 64 32 0.1
//
// h.bin and y.bin hold complex64 numbers, as numpy's tofile writes them: h (Nr, Nt), y (vectors, Nr).
// noise_var is linear, per receive antenna, total over real and imaginary part. An LLR is
// ln P(b=1)/P(b=0): above 0 means 1.

#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// All numbers of a file of float32, real and imaginary parts in turns.
std::vector<float> read_floats(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  const auto bytes = static_cast<std::size_t>(file.tellg());
  if (bytes % sizeof(float) != 0) throw std::runtime_error(path + ": no float32 numbers");
  std::vector<float> numbers(bytes / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(bytes));
  return numbers;
}

int run(int argc, char** argv) {
  if (argc != 7) {
    std::cerr << "usage: run_exported MODEL.onnx H.bin Y.bin NR NT NOISE_VAR\n";
    return 2;
  }
  const std::int64_t num_rx = std::atoll(argv[4]), num_tx = std::atoll(argv[5]);
  if (num_rx < 1 || num_tx < 1) throw std::runtime_error("NR and NT have to be above 0");
  std::vector<float> h = read_floats(argv[2]), y = read_floats(argv[3]);
  std::vector<float> noise_var{std::strtof(argv[6], nullptr)};
  if (static_cast<std::int64_t>(h.size()) != 2 * num_rx * num_tx)
    throw std::runtime_error("H.bin: expected one channel of NR x NT complex numbers");
  const std::int64_t vectors = static_cast<std::int64_t>(y.size()) / (2 * num_rx);
  if (vectors < 1 || static_cast<std::int64_t>(y.size()) != 2 * num_rx * vectors)
    throw std::runtime_error("Y.bin: expected vectors of NR complex numbers");

  Ort::Env env(ORT_LOGGING_LEVEL_WARNING, "mimolearn");
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  Ort::Session session(env, argv[1], options);

  // One channel; the memory of a complex array has the parts last.
  const std::array<std::int64_t, 4> y_shape{1, vectors, num_rx, 2};
  const std::array<std::int64_t, 4> h_shape{1, num_rx, num_tx, 2};
  const std::array<std::int64_t, 1> noise_shape{1};
  auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<Ort::Value> inputs;
  inputs.push_back(Ort::Value::CreateTensor<float>(
      memory, y.data(), y.size(), y_shape.data(), y_shape.size()));
  inputs.push_back(Ort::Value::CreateTensor<float>(
      memory, h.data(), h.size(), h_shape.data(), h_shape.size()));
  inputs.push_back(Ort::Value::CreateTensor<float>(
      memory, noise_var.data(), noise_var.size(), noise_shape.data(), noise_shape.size()));

  const std::array<const char*, 3> input_names{"y", "h", "noise_var"};
  const std::array<const char*, 2> output_names{"llr", "indices"};
  auto outputs = session.Run(Ort::RunOptions{nullptr}, input_names.data(), inputs.data(),
                             inputs.size(), output_names.data(), output_names.size());

  // llr (1, vectors, Nt, bits), indices (1, vectors, Nt).
  const auto shape = outputs[0].GetTensorTypeAndShapeInfo().GetShape();
  const std::int64_t bits = shape.back();
  const float* llr = outputs[0].GetTensorMutableData<float>();
  const std::int64_t* indices = outputs[1].GetTensorMutableData<std::int64_t>();
  for (std::int64_t v = 0; v < vectors; ++v) {
    for (std::int64_t i = 0; i < num_tx; ++i) {
      const std::int64_t at = v * num_tx + i;
      std::cout << indices[at];
      for (std::int64_t b = 0; b < bits; ++b) std::cout << ' ' << llr[at * bits + b];
      std::cout << '\n';
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
