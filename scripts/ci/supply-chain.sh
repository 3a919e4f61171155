#!/usr/bin/env bash
# Licences, advisories, sources and duplicates of the crates; crates that nothing uses; advisories of npm packages.
# Needs cargo-deny and cargo-shear: cargo install --locked cargo-deny cargo-shear
set -euo pipefail

cargo deny --workspace check
cargo shear
node scripts/ci/audit.mjs
