# To be sourced: ". scripts/gpu/env.sh". Points striate at the CUDA plug-in of a Python installation of
# JAX (pip install "jax[cuda13]" or "jax[cuda12]") and at the CUDA libraries beside it.
#
# The plug-in is named by its absolute path, which spares the search and any attempt to download one.
# LD_LIBRARY_PATH has to stand before the program starts: the loader reads it once.
packages=$(python3 -c 'import importlib.util as u; print(list(u.find_spec("jax_plugins").submodule_search_locations)[0].rsplit("/", 1)[0])') || {
  echo "env.sh: no JAX with CUDA in this python3: pip install \"jax[cuda13]\"" >&2
  return 1
}
plugin=$(ls "$packages"/jax_plugins/xla_cuda*/xla_cuda_plugin.so 2>/dev/null | tail -n 1)
[ -n "$plugin" ] || {
  echo "env.sh: no xla_cuda_plugin.so under $packages/jax_plugins" >&2
  return 1
}
export GOMLX_NO_AUTO_INSTALL=1
export GOPJRT_CUDA_CHECKS=0
libraries=$(ls -d "$packages"/nvidia/*/lib "$packages"/nvidia/cu1?/lib 2>/dev/null | sort -u | paste -sd: -)
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
for cuda in "$packages"/nvidia/cu1? "$packages/nvidia/cuda_nvcc" /usr/local/cuda; do
  if [ -d "$cuda/nvvm/libdevice" ]; then
    export XLA_FLAGS="--xla_gpu_cuda_data_dir=$cuda${XLA_FLAGS:+ $XLA_FLAGS}"
    export PATH="$cuda/bin:$PATH"
    break
  fi
done
# Every striate command with --backend reads this.
export STRIATE_BACKEND="xla:$plugin"
echo "backend $STRIATE_BACKEND"
