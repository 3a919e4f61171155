/** Our spelling of a key: `learning_rate` and `learning-rate` are `learningRate`. */
export function camelCase(key: string): string {
  return key.replaceAll(/[_-]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}
