#!/bin/sh
# Packs, installs and uses the binary in native/, with the kernels of this processor and with the scalar ones.
# In a container: scripts/ci/load.sh IMAGE
set -eu

if [ $# -gt 0 ]; then
  exec docker run --rm --volume "$PWD:/checkout" --workdir /checkout "$1" sh scripts/ci/load.sh
fi
npm ci --ignore-scripts
npm run build:ts
npx ava __test__/package.spec.ts
MODALITY_GAP_SIMD=scalar npx ava __test__/package.spec.ts
