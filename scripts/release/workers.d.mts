export interface WorkerPackage {
  folder: string
  name: string
  version: string
  executable: string
  artifact: string
}

export function workers(root?: string): WorkerPackage[]
export function writeWorkerFolders(root?: string): void
export function placeWorkers(root: string, artifacts: string): void
