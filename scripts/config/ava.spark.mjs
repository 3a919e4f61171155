// The tests of `npm run spark`, which start a cluster, one file at a time; the other tests leave them out by their name.
const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })

export default { ...manifest.ava, files: ['__test__/*.cluster.ts'], timeout: '10m', concurrency: 1 }
