# striate as a container.
#   docker build --target cpu  -t striate .
#   docker build --target cuda -t striate:cuda .
#   docker run --rm -p 8080:8080 -v "$PWD/my-models:/opt/striate/models" striate
# The steps are those of scripts/install.sh and scripts/smoke.sh, which `make smoke` runs without a
# container engine. The CUDA target needs the NVIDIA container toolkit and `--gpus all` to run; it
# refuses to start where it finds no GPU.

FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends npm && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG COMMIT=

FROM build AS build-cpu
RUN scripts/install.sh /opt/striate cpu && scripts/smoke.sh /opt/striate

FROM build AS build-cuda
RUN scripts/install.sh /opt/striate cuda && scripts/smoke.sh /opt/striate

FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04 AS cuda
COPY --from=build-cuda /opt/striate /opt/striate
ENV STRIATE_LISTEN=0.0.0.0:8080 STRIATE_DATA=/var/lib/striate STRIATE_DEVICE=cuda PATH=/opt/striate/bin:$PATH
RUN install -d -o 10001 -g 10001 /var/lib/striate
USER 10001:10001
VOLUME /var/lib/striate
EXPOSE 8080
HEALTHCHECK CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
ENTRYPOINT ["striate"]
CMD ["serve"]

FROM debian:bookworm-slim AS cpu
# The C++ library is what ONNX Runtime needs beside glibc.
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 && rm -rf /var/lib/apt/lists/*
COPY --from=build-cpu /opt/striate /opt/striate
ENV STRIATE_LISTEN=0.0.0.0:8080 STRIATE_DATA=/var/lib/striate STRIATE_DEVICE=cpu PATH=/opt/striate/bin:$PATH
RUN install -d -o 10001 -g 10001 /var/lib/striate
USER 10001:10001
VOLUME /var/lib/striate
EXPOSE 8080
HEALTHCHECK CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
ENTRYPOINT ["striate"]
CMD ["serve"]
