export interface Component {
  type: string
  name: string
  version: string
  purl: string
  licenses?: { expression: string }[]
}

export function crates(tree: string): Component[]
export function npmPackages(): Component[]
export function sbom(): { bomFormat: string; specVersion: string; components: Component[] }
