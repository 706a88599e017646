FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund

FROM dependencies AS build
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

# mediaport serves one file of redoc, which is complete. It never loads types, source maps and optional packages.
FROM dependencies AS production
RUN npm prune --omit=dev --omit=optional --no-audit --no-fund \
  && cp -r node_modules/redoc /redoc \
  && npm uninstall --no-save --omit=dev --omit=optional --no-audit --no-fund redoc \
  && mkdir -p node_modules/redoc/bundles \
  && cp /redoc/package.json /redoc/LICENSE node_modules/redoc/ \
  && cp /redoc/bundles/redoc.standalone.js node_modules/redoc/bundles/ \
  && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.md' \) -delete

FROM node:26-slim AS stripped
RUN apt-get update \
  && apt-get install --yes --no-install-recommends binutils \
  && rm -rf /var/lib/apt/lists/* \
  && strip --output-file=/node /usr/local/bin/node

FROM node:26-slim AS base
# tini forwards signals and reaps orphaned processes, as process 1 must.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* /usr/local/include /usr/local/lib/node_modules /usr/local/share/* /opt/yarn* \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn*
COPY --from=stripped /node /usr/local/bin/node

# One layer, so that removed files do not take space.
FROM scratch AS runtime
COPY --from=base / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /app
COPY --from=production /app/package.json ./
COPY --from=production /app/node_modules node_modules
ENTRYPOINT ["tini", "--"]

# For trials without an account at ImageKit: docker-compose.imagekit.yml. It runs TypeScript without a build.
FROM runtime AS imagekit
COPY src src
COPY tests/imagekit tests/imagekit
USER node
EXPOSE 8300
CMD ["node", "tests/imagekit/run.ts", "--host", "0.0.0.0"]

FROM runtime
COPY --from=build /app/dist dist
RUN chmod +x dist/main/cli.js \
  && ln -s /app/dist/main/cli.js /usr/local/bin/mediaport \
  && install --directory --owner=node --group=node --mode=0700 /data
USER node
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
VOLUME /data
EXPOSE 8000
# With bash, because starting Node would take ten times as long.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET /ping/ HTTP/1.0\\r\\nHost: 127.0.0.1\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ $status = 200 ]"]
CMD ["mediaport", "serve"]
