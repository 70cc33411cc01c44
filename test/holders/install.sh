#!/usr/bin/env bash
# npm's pkcs11js for the tests of tokens, built here from its sources. It is no dependency of the package: a user installs it beside.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -e dist/holders/node_modules/pkcs11js/build/Release/pkcs11.node ] && exit 0
mkdir -p dist/holders
echo '{"private":true}' > dist/holders/package.json
npm install --prefix dist/holders --no-audit --no-fund --no-save --no-package-lock --silent pkcs11js@2.1.7
