import type { Context } from '../context.ts'
import { keptText } from '../kept-text.ts'
import { progressBar } from '../progress-bar.ts'

/** Runs the daemon; its first line on stdout says where it listens. With `--json` each line is a JSON object. */
export async function serveVerb({ config, terminal, signal }: Context): Promise<void> {
  const { serve } = await import('../../app/serve.ts')
  await serve({
    config,
    signal,
    onListening: (first, further) => {
      for (const url of [first, ...further]) terminal.result({ listening: url }, `grym listening on ${url}`)
    },
    onPullProgress: (progress) => terminal.progress(`${progressBar(progress)} ${progress.source}`),
    onNotice: (text) => {
      terminal.progressOver()
      terminal.notice(text)
    },
    onReady: (url, isFirstStart) => {
      terminal.progressOver()
      const kept = keptText(config)
      terminal.result({ ready: url, kept }, isFirstStart ? `${firstStartText(url)}\n${kept}` : 'ready')
    },
  })
}

function firstStartText(url: string): string {
  const body =
    '{"messages":[{"role":"system","content":"You are a helpful assistant."},' +
    '{"role":"user","content":"What is the capital of France?"}],"temperature":0}'
  return `ready. Try it:\n\n  curl -s ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'\n`
}
