// the declaration files of the package's entries
const entry = (filePath, outFile) => ({ filePath, outFile, output: { noBanner: true, exportReferencedTypes: false } })

module.exports = {
  compilationOptions: { preferredConfigPath: './tsconfig.build.json' },
  entries: [entry('./src/index.ts', './index.d.ts'), entry('./src/transform.ts', './transform.d.ts')],
  // entries that hold a part of the root's names
  parts: {
    './report.d.ts': './src/report/index.ts',
    './revision.d.ts': './src/revision/index.ts',
    './text-metrics.d.ts': './src/text-metrics/index.ts',
  },
}
