export interface SparkInstallation {
  python: string
  /** Environment of the driver, the master and the workers. */
  env: Record<string, string>
  /** Folder of the package `pyspark`, which holds Spark itself. */
  home: string
}

export function installSpark(): SparkInstallation
