import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { progressBar } from '../progress-bar.ts'

export async function serveVerb({ config, terminal, signal }: Context): Promise<void> {
  const { serve } = await import('../../app/serve.ts')
  await serve({
    config,
    signal,
    onListening: (url) => process.stdout.write(`grym listening on ${url}\n`),
    onPullProgress: (progress) => terminal.progress(`${progressBar(progress)} ${progress.source}`),
    onNotice: (text) => {
      terminal.progressOver()
      terminal.notice(text)
    },
    onReady: (url, isFirstStart) => {
      terminal.progressOver()
      process.stdout.write(isFirstStart ? firstStartText(url) : 'ready\n')
    },
  })
}

function firstStartText(url: string): string {
  const body =
    '{"messages":[{"role":"system","content":"You are a helpful assistant."},' +
    '{"role":"user","content":"What is the capital of France?"}],"temperature":0}'
  return (
    `ready: smollm2 (${formatBytes(98_362_432)}) is here. Try it:\n\n` +
    `  curl -s ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'\n\n`
  )
}
