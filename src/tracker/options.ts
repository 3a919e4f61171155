/** How a run is followed; kept in the state. */
export interface TrackerOptions {
  /** The frame of the first step at or after this one stays; until then each step has its own. The paper takes 800. */
  freezeAt: number
  /** Share of the energy that U holds; not with `rank`. @defaultValue `0.99` */
  energy?: number
  /** Dimension of U; not with `energy`. */
  rank?: number
  /** Only steps that are multiples of this are recorded. @defaultValue `1` */
  every?: number
  /** Recorded steps whose covariances are averaged; windows follow one another once the frame is frozen. @defaultValue `10` */
  window?: number
  /** Leading eigencomponents that are compared with the gradients'. @defaultValue `128` */
  topEigen?: number
  /** Probe pairs that retrieval is measured on, at most, chosen by the seed; 0 leaves it out. @defaultValue `4096` */
  retrievalPairs?: number
  /** Ridge λ of the coupling, absolute. @defaultValue `1e-6` */
  lambda?: number
  /** Seed of the isotropic samples and of the pairs that retrieval takes. @defaultValue `0` */
  seed?: number
}
