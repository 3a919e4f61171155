// one declaration file per entry of the package, rolled up from src/
const entry = (filePath, outFile) => ({ filePath, outFile, output: { noBanner: true, exportReferencedTypes: false } })

module.exports = {
  compilationOptions: { preferredConfigPath: './tsconfig.build.json' },
  entries: [entry('./src/index.ts', './index.d.ts'), entry('./src/transform.ts', './transform.d.ts')],
}
