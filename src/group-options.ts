/** How two sides of rows belong together. */
export interface GroupOptions {
  /**
   * Whether rows are paired: rows of one id with each other where ids are known, otherwise row i with row i. A dropped row
   * then drops its partner. @defaultValue `false`; `true` with `captionsPerImage`, or with ids given for both sides
   */
  paired?: boolean
  /**
   * Captions of each image, in order: `5` says that texts 5i to 5i+4 belong to image i, whether the images stand once or as
   * often as their captions.
   */
  captionsPerImage?: number
}
