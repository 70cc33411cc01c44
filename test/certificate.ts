import { execFileSync } from "node:child_process";
import { join } from "node:path";

const NEW_KEY = [
  "req",
  "-x509",
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:P-256",
  "-nodes",
  "-days",
  "2",
];

/** Makes a self-signed certificate for a name, and its key, with openssl. */
export function makeCertificate(
  folder: string,
  name = "log",
): { readonly certFile: string; readonly keyFile: string } {
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const args = [...NEW_KEY, "-subj", `/CN=${name}`, "-keyout", keyFile, "-out", certFile];
  execFileSync("openssl", args, { stdio: "ignore" });
  return { certFile, keyFile };
}
