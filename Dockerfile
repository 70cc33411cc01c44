# Node 24 is the current LTS line.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
COPY client ./client
COPY explorer ./explorer
COPY spec ./spec
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${NODE_IMAGE}
# The C library gives freed blocks of this size back: else it keeps, for good, what a burst of large requests once took.
ENV NODE_ENV=production \
    MALLOC_MMAP_THRESHOLD_=262144
WORKDIR /opt/bristlecone
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/spec ./spec
COPY LICENSE ./
RUN ln -s /opt/bristlecone/dist/bin/main.js /usr/local/bin/bristlecone \
 && chmod +x dist/bin/main.js \
 && install -d -o node -g node -m 0700 /var/lib/bristlecone /var/lib/bristlecone-guard /var/backups/bristlecone

USER node
# Two volumes on purpose: the guard must not be restored together with the data it guards.
VOLUME ["/var/lib/bristlecone", "/var/lib/bristlecone-guard"]
ENV BRISTLECONE_LISTEN=0.0.0.0:6962 \
    BRISTLECONE_ADMIN_LISTEN=127.0.0.1:6963 \
    BRISTLECONE_DATA=/var/lib/bristlecone/data \
    BRISTLECONE_KEY=/var/lib/bristlecone-guard/log.key \
    BRISTLECONE_GUARD=/var/lib/bristlecone-guard/log.guard
EXPOSE 6962
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:6963/readyz',{signal:AbortSignal.timeout(2500)}).then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["bristlecone"]
CMD ["serve"]
