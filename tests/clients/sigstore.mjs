// Whether Sigstore's own verifier (npm @sigstore/verify) takes a signature of ours, by the public key alone.
//
//     node sigstore.mjs MODULES KEY FILE SIGNATURE
//
// MODULES: the folder that it is installed in. Says `verified` or `refused`.

import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, key, file, signature] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const { bundleFromJSON } = require('@sigstore/bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const artifact = readFileSync(file);
// As `cosign sign-blob --bundle` lays it out, without a log that it would be found in.
const bundle = bundleFromJSON({
  mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
  verificationMaterial: { publicKey: { hint: 'release' }, tlogEntries: [], timestampVerificationData: { rfc3161Timestamps: [] } },
  messageSignature: {
    messageDigest: { algorithm: 'SHA2_256', digest: createHash('sha256').update(artifact).digest('base64') },
    signature: readFileSync(signature, 'utf8').trim(),
  },
});
const nobodyElse = { mediaType: '', tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };
const trusted = toTrustMaterial(nobodyElse, () => ({ publicKey: createPublicKey(readFileSync(key)), validFor: () => true }));
const verifier = new Verifier(trusted, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
try {
  verifier.verify(toSignedEntity(bundle, artifact));
  console.log('verified');
} catch (error) {
  if (error.code !== 'SIGNATURE_ERROR') throw error;
  console.log('refused');
}
