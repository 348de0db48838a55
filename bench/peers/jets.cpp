// The benchmark's functions on ceres::Jet, a chunk of N derivatives per pass, for calls through a C interface.
// The buffers of jets outlive the calls, so no call allocates.

#include <chrono>
#include <cmath>
#include <vector>

#include <ceres/jet.h>

using std::cos;
using std::exp;
using std::log;
using std::sin;
using std::sqrt;

struct Example {
  template <typename T>
  T operator()(const std::vector<T>& x) const {
    return log(x[0]) + x[0] * x[1] - sin(x[1]);
  }
};

struct Rosenbrock {
  template <typename T>
  T operator()(const std::vector<T>& x) const {
    T total(0.0);
    for (size_t i = 0; i + 1 < x.size(); ++i) {
      const T a = 1.0 - x[i], b = x[i + 1] - x[i] * x[i];
      total += a * a + 100.0 * (b * b);
    }
    return total;
  }
};

struct Ackley {
  template <typename T>
  T operator()(const std::vector<T>& x) const {
    const double n = x.size(), a = 20, b = 0.2, c = 2 * M_PI;
    T squares(0.0), waves(0.0);
    for (const T& xi : x) {
      squares += xi * xi;
      waves += cos(c * xi);
    }
    return a + M_E - a * exp(-b * sqrt(squares / n)) - exp(waves / n);
  }
};

struct Brusselator {
  template <typename T>
  void operator()(const std::vector<T>& x, std::vector<T>& out) const {
    const int points = x.size() / 2;
    const double k = (points + 1.0) * (points + 1.0) / 50;
    for (int i = 0; i < points; ++i) {
      const T u = x[2 * i], v = x[2 * i + 1];
      const T u_left = i > 0 ? x[2 * i - 2] : T(1.0), v_left = i > 0 ? x[2 * i - 1] : T(3.0);
      const T u_right = i < points - 1 ? x[2 * i + 2] : T(1.0), v_right = i < points - 1 ? x[2 * i + 3] : T(3.0);
      const T reaction = u * u * v;
      out[2 * i] = 1.0 + reaction - 4.0 * u + k * (u_left - 2.0 * u + u_right);
      out[2 * i + 1] = 3.0 * u - reaction + k * (v_left - 2.0 * v + v_right);
    }
  }
};

template <typename Jet>
void lift(std::vector<Jet>& jets, const double* x, int n) {
  jets.resize(n);
  for (int i = 0; i < n; ++i) {
    jets[i].a = x[i];
    jets[i].v.setZero();
  }
}

// Seeds the elements from `start` on and clears those of the pass before.
template <int N, typename Jet>
int seed(std::vector<Jet>& jets, int start, int n) {
  for (int k = 0; start > 0 && k < N; ++k) jets[start - N + k].v[k] = 0;
  const int lanes = n - start < N ? n - start : N;
  for (int k = 0; k < lanes; ++k) jets[start + k].v[k] = 1;
  return lanes;
}

template <int N, typename F>
void gradient(const F& f, const double* x, int n, double* g) {
  using Jet = ceres::Jet<double, N>;
  static std::vector<Jet> jets;
  lift(jets, x, n);
  for (int start = 0; start < n; start += N) {
    const int lanes = seed<N>(jets, start, n);
    const Jet y = f(jets);
    for (int k = 0; k < lanes; ++k) g[start + k] = y.v[k];
  }
}

template <int N, typename F>
void jacobian(const F& f, const double* x, int n, double* J) {
  using Jet = ceres::Jet<double, N>;
  static std::vector<Jet> jets, out;
  lift(jets, x, n);
  out.resize(n);
  for (int start = 0; start < n; start += N) {
    const int lanes = seed<N>(jets, start, n);
    f(jets, out);
    for (int r = 0; r < n; ++r)
      for (int k = 0; k < lanes; ++k) J[(long)r * n + start + k] = out[r].v[k];
  }
}

// NAME_N(x, n, result) computes once; NAME_N_seconds(x, n, result, calls) tells how long so many calls take.
#define ENTRY(name, transform, F, N)                                                           \
  extern "C" void name##_##N(const double* x, int n, double* result) {                         \
    transform<N>(F(), x, n, result);                                                           \
  }                                                                                            \
  extern "C" double name##_##N##_seconds(const double* x, int n, double* result, int calls) {  \
    const auto start = std::chrono::steady_clock::now();                                       \
    for (int i = 0; i < calls; ++i) {                                                          \
      transform<N>(F(), x, n, result);                                                         \
      asm volatile("" : : "r"(x), "r"(result) : "memory");                                     \
    }                                                                                          \
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();    \
  }

#define CHUNKS(name, transform, F) \
  ENTRY(name, transform, F, 4)     \
  ENTRY(name, transform, F, 8)     \
  ENTRY(name, transform, F, 16)    \
  ENTRY(name, transform, F, 32)    \
  ENTRY(name, transform, F, 100)

ENTRY(example, gradient, Example, 2)
CHUNKS(rosenbrock, gradient, Rosenbrock)
CHUNKS(ackley, gradient, Ackley)
CHUNKS(brusselator, jacobian, Brusselator)
