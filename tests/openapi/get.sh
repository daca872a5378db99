#!/bin/sh
# Fetches what the checks need into build/openapi: Twilio's OpenAPI files, Prism, Telnyx's own library. Needs npm.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/openapi
cd build/openapi
[ -d package ] || {
    npm pack --silent @twilio/cli-core@8.3.2 >/dev/null
    tar -xzf twilio-cli-core-8.3.2.tgz package/src/services/twilio-api
    rm twilio-cli-core-8.3.2.tgz
}
[ -x node_modules/.bin/prism ] || npm install --silent --no-audit --no-fund --ignore-scripts @stoplight/prism-cli@5.14.2
[ -d python/nacl ] || ../../.venv/bin/python -m pip --disable-pip-version-check --no-input -qq install --target python telnyx==4.189.0 pynacl
