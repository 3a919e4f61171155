/** Path of SmolLM2-135M-Instruct as a GGUF file, downloaded when it is not there yet. */
export function smollm2(): Promise<string>
