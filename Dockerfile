# syntax=docker/dockerfile:1
# A small image that runs as nobody in particular: `docker build -t xmrt .`; how to run it is in docs/deployment.md.
# Dependencies are a layer of their own, built again only when Cargo.toml or Cargo.lock changes.

FROM rust:1.95-slim-trixie AS base
RUN cargo install cargo-chef --version 0.1.78 --locked
WORKDIR /src

FROM base AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM base AS build
COPY --from=plan /src/recipe.json recipe.json
RUN cargo chef cook --profile dist --locked --bin xmrt --recipe-path recipe.json
COPY . .
RUN cargo build --profile dist --locked --bin xmrt \
    && install -D -m 755 target/dist/xmrt /out/usr/local/bin/xmrt \
    && install -d -m 755 /out/etc/xmrt \
    && cp -r rules /out/etc/xmrt/rules \
    && install -d -m 700 /out/var/lib/xmrt

# The C library, certificates of the known authorities, a user without rights; no shell.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=build /out/usr /usr
COPY --from=build /out/etc/xmrt /etc/xmrt
COPY --from=build --chown=65532:65532 /out/var/lib/xmrt /var/lib/xmrt
USER 65532:65532
# Rules are in ./rules, settings in ./xmrt.toml if there are any: mount your own over them.
WORKDIR /etc/xmrt
ENV XMRT_DATA_DIR=/var/lib/xmrt \
    XMRT_LISTEN=0.0.0.0:8080
VOLUME /var/lib/xmrt
EXPOSE 8080
# SIGTERM drains within 20 s; `docker stop` waits for 10 s unless told: `docker stop --time 30`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/xmrt"]
CMD ["serve"]
