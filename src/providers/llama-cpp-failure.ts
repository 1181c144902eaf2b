import type { ErrorReason } from '../spec/error-reason.ts'

/** What llama.cpp, or an engine around it, said of a failure. */
export interface LlamaCppFailure {
  readonly reason: ErrorReason
  /** The line that tells it, without the time and the function in front: for a message to a person. */
  readonly said: string
}

/**
 * Names a failure of llama.cpp by its text: a log of the embedded engine or of llama-server, or an error of Ollama's, which
 * quotes its runner. Whether the same text is a failed load or a lost engine is known by who asks, not by the text; so
 * is what to do about it. Whose memory fills a GPU is not in the text either: `gpu-out-of-memory` is both, too much
 * wanted and taken by others, and {@link LlamaCppFailure.said} has what was free, where that was printed.
 *
 * Texts as of llama.cpp b11434 and Ollama 0.17.4, recorded in `test/fixtures/engines`; those of GPUs, and of Ollama's newer
 * than 0.24, are read in the sources and not recorded.
 * @param text lines, oldest first.
 * @returns `undefined` when nothing in it is known.
 */
export function classifyLlamaCppFailure(text: string): LlamaCppFailure | undefined {
  const lines = text.split('\n').filter((line) => !ONLY_A_WARNING.test(line))
  for (const [reason, pattern] of FAILURES) {
    const line = lines.find((each) => pattern.test(each))
    if (line === undefined) continue
    const said = saidIn(line)
    return { reason, said: reason === 'gpu-out-of-memory' ? withFreeMemory(said, lines) : said }
  }
  return undefined
}

/**
 * In this order: what is first explains what comes later. An adapter that is not there reads like a model that is not
 * there, a device buffer like any buffer, and every runner that ended has terminated.
 */
const FAILURES: readonly (readonly [ErrorReason, RegExp])[] = [
  // llama-context.cpp, common.cpp, llama-adapter.cpp
  ['model-options-invalid', /[KV] cache type \S+ with block size \d+ does not divide/],
  [
    'model-options-invalid',
    /quantized V cache (?:was requested, but this )?requires flash[_ ]attn|requires Flash Attention/i,
  ],
  [
    'model-options-invalid',
    /failed to (?:apply|load) lora adapter|LoRA tensor '.*' (?:data is not within|has unexpected)/i,
  ],
  // llama-model.cpp, llama-vocab.cpp, llama-model-loader.cpp: a newer form of a model than the engine knows
  ['architecture-unsupported', /(?:unknown|unsupported) model architecture:?\s*'[^']*'/],
  ['architecture-unsupported', /unknown (?:pre-)?tokenizer(?: type)?:\s*'[^']*'/],
  ['architecture-unsupported', /missing tensor '|wrong number of tensors; expected|key not found in model:/],
  // All that Ollama's API tells of an architecture that its llama.cpp does not know; only its log names it.
  ['architecture-unsupported', /unable to load model: /],
  // gguf.cpp, llama-mmap.cpp, llama-model-loader.cpp
  ['model-file-missing', /failed to open .*(?:No such file or directory|cannot find the (?:file|path))/i],
  [
    'model-file-corrupt',
    /not within the file bounds|failed to read (?:magic|header|key-value pairs|tensor)|(?:invalid|bad) (?:gguf )?magic|corrupted (?:model|or incomplete)|is corrupted|unexpectedly reached end|exceeds (?:remaining )?file size|GGUF file version \d+ is extremely large|invalid model: tensor|has invalid data|magic number mismatch/i,
  ],
  // arg.cpp of llama-server: what comes first stops all the rest
  ['server-start-failed', /error: (?:invalid|unknown) argument|error while handling (?:argument|environment variable)/],
  // server-http.cpp; Node's and Go's words for it
  [
    'port-in-use',
    /couldn't bind HTTP server socket|EADDRINUSE|address already in use|Only one usage of each socket address/i,
  ],
  // ggml-cuda.cu, ggml-vulkan.cpp, llama-model.cpp; Ollama's llm/server.go
  [
    'gpu-out-of-memory',
    /(?:unable|failed) to allocate (?:CUDA|ROCm|Vulkan|MTL|Metal|SYCL)\d+|cudaMalloc failed|(?:CUDA|ROCm) error: out of memory|Device memory allocation of size|OutOfDeviceMemory|unable to load full model on GPU/i,
  ],
  [
    'out-of-memory',
    /(?:unable|failed) to allocate|out of memory|insufficient memory|bad_alloc|cannot allocate memory|requires more system memory|memory layout cannot be allocated|has terminated: signal: killed|GGML_ASSERT\(ctx->mem_buffer/i,
  ],
  ['load-timeout', /timed out waiting for (?:llama runner|llama-server)/],
  ['gpu-unusable', /(?:CUDA|ROCm) error: (?:no CUDA-capable|.*(?:busy or unavailable|driver version is insufficient))/],
  ['model-load-failed', /model failed to load, this may be due to/],
  [
    'engine-lost',
    /process (?:has terminated|no longer running)|unexpected EOF|ECONNRE(?:FUSED|SET)|connection (?:refused|reset)|broken pipe/i,
  ],
]

/** Lines that read like a failure and are none: the engine goes on without what they speak of. */
const ONLY_A_WARNING = /mlock|for async uploads|failed to fit params/

/** `0.00.212.847 E llama_model_load: error loading model: …` and `llama runner process has terminated: …` without what is in front. */
function saidIn(line: string): string {
  const said = line
    .trim()
    .replace(/^[\d.:]+ [A-Z] /, '')
    .replace(/^.*(?:error loading model|has terminated): /, '')
    .replace(/^(?:(?:srv|cmn|slot) +\w+|\w*_\w*|\w+::~?\w+): +/, '')
  return said.length > MAX_SAID_CHARS ? `${said.slice(0, MAX_SAID_CHARS)}…` : said
}

/** A message is read by a person; the log has the rest. */
const MAX_SAID_CHARS = 300

/** `using device CUDA0 (NVIDIA H100) (0000:01:00.0) - 78000 MiB free` (llama-model.cpp). */
function withFreeMemory(said: string, lines: readonly string[]): string {
  const free = lines.flatMap((line) => {
    const [, device, freeMebibytes] = /using device (\S+) .*- (\d+) MiB free/.exec(line) ?? []
    return device !== undefined && freeMebibytes !== undefined ? [`${device} had ${freeMebibytes} MiB free`] : []
  })
  return free.length === 0 ? said : `${said} (${[...new Set(free)].join(', ')})`
}
