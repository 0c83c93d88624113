# The server, from a checkout: docker build -t postern .
# With OpenTelemetry: docker build --build-arg TELEMETRY=on -t postern .
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
# Debian's C and C++ libraries, certificates and time zones, and nothing else: no shell, no package manager.
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${NODE_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends binutils && mkdir /app \
  # Without its symbols, Node is 18 MB smaller.
  && strip -s -o /app/node "$(node -p process.execPath)"
WORKDIR /build
COPY package.json package-lock.json ./
COPY packages/guard/package.json packages/guard/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build
ARG TELEMETRY=off
# Only what runs is left: no packages for development but those of OpenTelemetry, no maps, no types, no documents.
RUN node bin/container-files.js /app "${TELEMETRY}"

FROM ${BASE_IMAGE}
WORKDIR /app
COPY --from=build /app /app
# The directory of the embedded database. With DATABASE_URL the file system can be read-only altogether.
COPY --from=build --chown=65532:65532 /app/data /data
ENV HOST=0.0.0.0 NODE_ENV=production DATA_DIR=/data PATH=/app
USER 65532:65532
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["/app/node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health/ready').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The options of `npm start`, which keep the memory small.
ENTRYPOINT ["/app/node", "--min-semi-space-size=8", "--max-semi-space-size=8", "--heap-growing-percent=20", "/app/bin/postern.js"]
CMD ["serve"]
