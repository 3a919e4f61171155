/** How to start a server of S3's interface, which is installed when it is not there yet. */
export function s3Server(): { command: string; args: string[]; env: Record<string, string> }
