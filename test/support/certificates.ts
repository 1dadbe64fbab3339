/** An authority for tests, through the program `openssl`, and the certificates that it signs. */

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "./programs.ts";

const DAYS = ["-days", "2"];
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export class Authority {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(directory: string): Promise<Authority> {
    mkdirSync(directory);
    const made = new Authority(directory);
    const out = ["-keyout", made.#path("ca-key.pem"), "-out", made.#path("ca-cert.pem")];
    await runProgram("openssl", [
      "req",
      "-x509",
      ...KEY,
      ...DAYS,
      ...out,
      "-subj",
      "/CN=authority",
    ]);
    return made;
  }

  /** Puts its certificate into the directory, under the name that clients look for. */
  async publish(directory: string): Promise<void> {
    mkdirSync(directory, { recursive: true });
    copyFileSync(this.#path("ca-cert.pem"), join(directory, "ca-cert.pem"));
  }

  /** Puts `NAME-cert.pem` and `NAME-key.pem` beside it. */
  async issue(directory: string, name: string): Promise<void> {
    await this.publish(directory);
    const [key, certificate] = [
      join(directory, `${name}-key.pem`),
      join(directory, `${name}-cert.pem`),
    ];
    const request = this.#path(`${name}.csr`);
    const extensions = this.#path("extensions");
    writeFileSync(
      extensions,
      "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
    );
    const asked = ["-keyout", key, "-out", request, "-subj", `/CN=${name}`];
    await runProgram("openssl", ["req", ...KEY, ...asked]);
    const signer = ["-CA", this.#path("ca-cert.pem"), "-CAkey", this.#path("ca-key.pem")];
    const signed = ["-CAcreateserial", "-in", request, "-out", certificate];
    await runProgram("openssl", [
      "x509",
      "-req",
      ...signer,
      ...signed,
      ...DAYS,
      "-extfile",
      extensions,
    ]);
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}
