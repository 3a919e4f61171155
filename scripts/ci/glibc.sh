#!/usr/bin/env bash
# Fails when a binary, of whichever processor, needs a newer glibc than Node itself: ci/glibc.sh FILE...
set -euo pipefail

LIMIT=GLIBC_2.28
[ $# -gt 0 ] || { echo "glibc: no file is given" >&2; exit 2; }
for file in "$@"; do
  versions=$(readelf --wide --version-info "$file")
  # a binary without any such version is none that was linked against glibc, and says nothing; GLIBC_ABI_… sorts last
  newest=$(grep -oE 'GLIBC_[A-Za-z0-9_.]+' <<<"$versions" | sort -Vu | tail -n 1) || { echo "glibc: $file names no symbol of glibc" >&2; exit 1; }
  echo "$file: newest symbol version $newest, at most $LIMIT"
  [ "$(printf '%s\n' "$LIMIT" "$newest" | sort -V | tail -n 1)" = "$LIMIT" ] || { echo "glibc: $file needs $newest" >&2; exit 1; }
done
