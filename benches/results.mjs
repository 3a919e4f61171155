/** The lines of a run, for people and for machines. */

/** One line each: seconds are medians; `limit` is how long the work takes at the machine's limit, where one is known. */
const rows = []

export function record({ work, peer, ours, theirs, ratio, limit }) {
  rows.push({
    work,
    peer,
    oursSeconds: ours,
    peerSeconds: theirs ?? null,
    ratio: ratio ?? null,
    limitShare: limit === undefined ? null : limit / ours,
  })
}

/** `{ machine, kernel, rows: [{ work, peer, oursSeconds, peerSeconds, ratio, limitShare }] }` */
export function written(machine, kernel) {
  return JSON.stringify({ machine, kernel, rows }, undefined, 1)
}
