/** The folder of the package. Modules of this level stand right below it: in `src`, in `dist`, and bundled as if in `dist`. */
export const packageFolder = new URL('..', import.meta.url)
