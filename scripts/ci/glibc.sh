#!/usr/bin/env bash
# Fails when a binary needs a newer glibc than Node itself: ci/glibc.sh FILE...
set -euo pipefail

LIMIT=GLIBC_2.28
[ $# -gt 0 ] || { echo "glibc: no file is given" >&2; exit 2; }
for file in "$@"; do
  symbols=$(objdump -T "$file")
  # a binary without any such symbol is none that was linked against glibc, and says nothing
  newest=$(grep -oE 'GLIBC_[0-9.]+' <<<"$symbols" | sort -Vu | tail -n 1) || { echo "glibc: $file names no symbol of glibc" >&2; exit 1; }
  echo "$file: newest symbol version $newest, at most $LIMIT"
  [ "$(printf '%s\n' "$LIMIT" "$newest" | sort -V | tail -n 1)" = "$LIMIT" ] || { echo "glibc: $file needs $newest" >&2; exit 1; }
done
