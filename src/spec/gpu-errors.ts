import type { ErrorReason } from './error-reason.ts'
import type { ErrorRow } from './error-row.ts'

type GpuReason = Extract<ErrorReason, 'gpu-out-of-memory' | 'gpu-load-failed' | 'gpu-unusable'>

/** Part of the error table: a load that was to put layers onto GPUs. A person sees them only when nothing else helped. */
export const GPU_ERRORS: Readonly<Record<GpuReason, ErrorRow>> = {
  'gpu-out-of-memory': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The layers that were to lie on GPUs found no room there; fewer of them are tried.',
    nextStep: 'Close what else uses the GPU, or set `gpuLayers` for the model.',
  },
  'gpu-load-failed': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The engine ended while it put layers onto GPUs; the model is tried without them.',
    nextStep: 'Update the driver of the GPU, or set `gpuLayers: 0` for the model.',
  },
  'gpu-unusable': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The engine cannot use the GPUs; models run on the CPU until it is restarted or configured anew.',
    nextStep: 'See what `grym doctor` says of it and restart, or set `models.gpu: off`.',
  },
}
