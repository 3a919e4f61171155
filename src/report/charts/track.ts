import type { TrackRecord } from '../../results.ts'
import type { Chart } from '../chart.ts'
import { type Line, type OverSteps, overSteps } from './over-steps.ts'

/** A part of a run's report: its name and the charts that its records fill. */
export interface Panel {
  id: string
  title: string
  charts: (Chart | undefined)[]
}

type Of = (record: TrackRecord) => number | null | undefined

/** What a run is followed by, over its steps: gap and search, the four findings, and what the sphere does. */
export function trackPanels(records: readonly TrackRecord[]): Panel[] {
  const frozen = records.find(({ frame }) => frame.frozen)
  const steps = records.map(({ step }) => step)
  const line = (name: string, tone: Line['tone'], of: Of, how: Pick<Line, 'dashed' | 'points'> = {}): Line => ({
    name,
    tone,
    ...how,
    values: records.map(of),
  })
  const chance = { dashed: true }
  const chart = (of: Omit<OverSteps, 'steps'>) => overSteps({ ...of, steps, frozenAt: frozen?.frame.step })
  return [
    {
      id: 'run-gap',
      title: 'Gap and search',
      charts: [
        chart({
          id: 'run-gap',
          title: 'The gap over the run',
          text: 'Distance of the means of both modalities on the probe pairs, its parts in and across the frame, and the distance that sampling alone would give.',
          name: 'distance',
          min: 0,
          lines: [
            line('gap', 'cross', ({ gap }) => gap.centroid),
            line('in U, ‖β‖', 'beta', ({ decomposition }) => decomposition.pmb),
            line('in V, ‖γ‖', 'v', ({ decomposition }) => decomposition.cob),
            line('noise floor', 'floor', ({ gap }) => gap.floor, chance),
          ],
        }),
        chart({
          id: 'run-retrieval',
          title: 'Search among the probe pairs',
          text: 'Share of rows whose partner is the nearest row of the other modality (R@1) or among the five nearest (R@5).',
          name: 'share of queries',
          min: 0,
          max: 1,
          lines: [
            line('image to text, R@1', 'image', ({ retrieval }) => retrieval?.imageToText.r1),
            line('text to image, R@1', 'text', ({ retrieval }) => retrieval?.textToImage.r1),
            line('image to text, R@5', 'image', ({ retrieval }) => retrieval?.imageToText.r5, chance),
            line('text to image, R@5', 'text', ({ retrieval }) => retrieval?.textToImage.r5, chance),
          ],
        }),
      ],
    },
    {
      id: 'run-leakage',
      title: 'Leakage and rotation',
      charts: [
        chart({
          id: 'run-leakage',
          title: 'Gradients outside the frame',
          text: 'leak(t), the root mean square share of gradient energy in V, beside how far U has turned since t₀: the sine of the largest principal angle, which one direction can fill, and the root mean square of all of them. Random directions leak √(dim V/d).',
          name: 'share, sine',
          min: 0,
          lines: [
            line('leak(t)', 'cross', ({ leakage }) => leakage?.leak),
            line('sinθ(Uₜ, U)', 'u', ({ rotation }) => rotation?.sinTheta),
            line('RMS sine', 'v', ({ rotation }) => rotation?.rmsSine),
            line('random direction', 'floor', ({ leakage, rotation }) => leakage?.random ?? rotation?.random, chance),
          ],
        }),
        chart({
          id: 'run-bound',
          title: 'The bound on leakage and its remainder',
          text: 'leak(t) − sinθ − ‖L‖₂: above zero the bound of the paper needs a remainder of that size. Far below zero it says nothing.',
          name: 'remainder',
          lines: [
            line('leak(t) − sinθ − ‖L‖₂', 'cross', ({ leakage }) => leakage?.remainder),
            line(
              'random direction',
              'floor',
              ({ leakage }) => (leakage?.bound === undefined ? undefined : leakage.random - leakage.bound),
              chance,
            ),
          ],
        }),
      ],
    },
    {
      id: 'run-bias',
      title: 'The passive bias',
      charts: [
        chart({
          id: 'run-drift',
          title: 'Drift since the freezing',
          text: '‖γ(t)−γ(t₀)‖/‖γ(t₀)‖ of the bias in V, and the same of β, the bias in U, to compare with.',
          name: 'drift',
          min: 0,
          lines: [
            line('γ, in V', 'v', ({ passive }) => passive.drift),
            line('β, in U', 'beta', ({ active }) => active.drift, chance),
          ],
        }),
        chart({
          id: 'run-steady',
          title: 'From one recorded step to the next',
          text: 'Cosine of the bias to itself at the step recorded before.',
          name: 'cosine',
          max: 1,
          lines: [
            line('γ, in V', 'v', ({ passive }) => passive.stepCosine),
            line('β, in U', 'beta', ({ active }) => active.stepCosine, chance),
          ],
        }),
      ],
    },
    {
      id: 'run-u',
      title: 'Residuals in U',
      charts: [
        chart({
          id: 'run-u-kappa',
          title: 'Anisotropy in U',
          text: 'Condition number of the residuals’ covariance Σ_U; the paper finds more than 1000. An isotropic sample of as many pairs has the broken line.',
          name: 'κ(Σ_U)',
          log: true,
          lines: [
            line('κ', 'u', ({ u }) => u.kappa),
            line('κ of 99.9 % of the trace', 'beta', ({ u }) => u.kappaEff),
            line('window mean', 'cross', ({ window }) => window?.u.kappa, { points: true }),
            line('isotropic sample', 'floor', ({ u }) => u.isotropic.kappa, chance),
          ],
        }),
        chart({
          id: 'run-u-gradient',
          title: 'Residuals and gradients in U',
          text: 'ρ_eig, the correlation of the sorted eigenvalues of Σ_U and of the gradients’ covariance, and the correlation of their diagonals in the frame’s basis. Sorted numbers always correlate: an isotropic spectrum has the broken line.',
          name: 'correlation',
          max: 1,
          lines: [
            line('ρ_eig', 'u', ({ u }) => u.gradient?.rhoEig),
            line('diagonals', 'cross', ({ u }) => u.gradient?.diagonal),
            line('ρ_eig, isotropic sample', 'floor', ({ u }) => u.gradient?.isotropicRhoEig, chance),
          ],
        }),
      ],
    },
    {
      id: 'run-v',
      title: 'Residuals in V',
      charts: [
        chart({
          id: 'run-v-kappa',
          title: 'Anisotropy in V',
          text: 'Condition number of the residuals’ covariance Σ_V; the paper finds more than 10.',
          name: 'κ(Σ_V)',
          log: true,
          lines: [
            line('κ', 'v', ({ v }) => v.kappa),
            line('κ of 99.9 % of the trace', 'beta', ({ v }) => v.kappaEff),
            line('window mean', 'cross', ({ window }) => window?.v.kappa, { points: true }),
            line('isotropic sample', 'floor', ({ v }) => v.isotropic.kappa, chance),
          ],
        }),
        chart({
          id: 'run-angle',
          title: 'The bias and the leading residual in V',
          text: 'Angle between γ and the leading eigenvector of Σ_V, beside the median and the 5 % quantile of a random direction’s angle: in many dimensions that is near 90° too.',
          name: 'degrees',
          max: 90,
          lines: [
            line('angle', 'v', ({ v }) => v.angle),
            line('random direction, median', 'floor', ({ v }) => v.randomAngle.p50, chance),
            line('random direction, 5 %', 'cross', ({ v }) => v.randomAngle.p05, chance),
          ],
        }),
        chart({
          id: 'run-vmf',
          title: 'Concentration of the pairs’ directions in V',
          text: 'Von Mises–Fisher concentration κ̂ of the unit directions of the differences in V.',
          name: 'κ̂',
          log: true,
          lines: [
            line('κ̂', 'v', ({ v }) => v.vmf),
            line('directions spread evenly', 'floor', ({ v }) => v.isotropicVmf, chance),
          ],
        }),
      ],
    },
    {
      id: 'run-sphere',
      title: 'Phantom drift',
      charts: [
        chart({
          id: 'run-phantom',
          title: 'What the sphere does to the mean',
          text: 'After anchor and trace the text’s mean is the image’s; putting the rows back onto the sphere moves it. Measured, its part along the sphere, and the prediction of that part from the covariance and the gap.',
          name: 'length',
          min: 0,
          lines: [
            line('measured', 'cross', ({ phantomDrift }) => phantomDrift.measured),
            line('along the sphere', 'moved', ({ phantomDrift }) => phantomDrift.tangential),
            line('predicted', 'moved', ({ phantomDrift }) => phantomDrift.predictedTangential, chance),
          ],
        }),
      ],
    },
  ]
}
