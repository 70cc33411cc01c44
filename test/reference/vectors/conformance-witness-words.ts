/** What the members of spec/vectors/conformance-witness.json mean, for somebody who reads only that file. */

export const DESCRIPTION =
  "What a witness (c2sp.org/tlog-witness) has to answer, seen from outside. The tester signs for the logs of `logs`, which the witness " +
  "is configured with beforehand, all but those that are not `isConfigured`; of every one entry i is the ASCII decimal of i. Anybody knows " +
  "the keys given here: use others for a witness that matters (of the same types, the origin is their name). Run the cases in their " +
  "order, one request at a time. S is the size of the newest checkpoint of the case's log that the witness cosigned. It is learnt by the log's " +
  "`discovery` requests, one for each of its keys: 200 says it is `sets`, 409 has it in the body, 404 says that the log is not configured and its cases " +
  'cannot be run, nor can they with another answer to any of them. A case of `state` "cosigned" with S = 0 is preceded by the log\'s `first` request; one that needs the ' +
  "witness's lines for S, when none came yet, by `again`; both are good requests, and what they are refused with is no result. " +
  '"never" asks for S = 0; "discovers" is a discovery itself, and cannot be run when something was cosigned before, or the log is not known; in it S is a size of the tester\'s choice, from 2 to 501 and another in each run; "any" asks only that the witness knows the log; without a `state` nothing is asked before. After 200, S is `sets`; after an answer that was not ' +
  "expected, S is learnt anew. A `request` has a method, a path below the prefix (the monitoring prefix when the case `needs` " +
  '"monitoring"), headers, and a body if it has `lines`: the lines; an empty line and the lines of `text`, the checkpoint; an empty line and the `signatures`; ' +
  "each line with a newline; then the `edits` on the whole. `words` says what stands in braces; U+E000 to U+E0FF in a recipe stand for the " +
  "bytes 00 to FF. `expect`: the status is one of `status`; Content-Type is `contentType`, in any case and with any parameters; the body is `body`; `checks` hold. " +
  'Unmet, a "MUST" is a failure and anything else a warning; with `otherRefusal` another refusal (a status of 400 or more, or a ' +
  "closed connection) is a warning too; with `closed: met` a closed connection will do; a status in `later` says nothing in a run that had the log's first checkpoint cosigned. A case with `open` is judged by nobody: the document leaves it open, and what came is " +
  "reported. 429, 502, 503, 504 and redirects say nothing: the case cannot be run now. What gets no answer is asked once more, after a discovery that was answered; only what is lost twice is unmet. " +
  "Where 409 tells another size than 200 cosigned last, nothing more can be asked about that log. `example`, of cases and of requests that prepare them, is the body when S is as it says: as " +
  "after a run of all cases before, against a witness that started with nothing and answered everything right (open cases: refused; behind one that was not, S is larger); as text in `body`, in hex in `bodyHex`, or as length and SHA-256, where text will " +
  "not do; without any of them where there is no body, or the witness's own signatures are in it. `subtreeOffer` is a good sign-subtree request: when it is answered 404, 405 or 501, or as the same body is at the path bristlecone-conformance-no-such-path, or refused by a witness without ML-DSA-44 " +
  'lines, cases that need "subtrees" cannot be run. The log "main" may be given `sigsumOrigin` as its origin, and as its key\'s name, for witnesses that know no other.';

export const WORDS: Readonly<Record<string, string>> = {
  "{S} {S+4} {S-1} {7}": "a size, in decimal",
  "{origin} {origin-hash} {ORIGIN-HASH}": "the log's; SHA-256 of it in hex, in lowercase and in capitals",
  "{root N}": "base64 of the root hash of the first N entries",
  "{proof M N}": "the consistency proof, RFC 6962 §2.1.2, a hash a line: none, one or many lines",
  "{root N fork} {proof M N fork}":
    'the same of the tree whose entries from S - 1 on are "fork " and their index in decimal',
  "{subtree-hash A B} {subtree-proof A B}":
    "the hash of leaves [A, B), and its consistency proof to size S, draft-ietf-plants-merkle-tree-certs §4.4.1",
  "{hash 1}": 'base64 of SHA-256 of "extra 1"',
  "{sign log} {sign log2}": "the line of the log's first or second key over the text",
  "{sign stranger} {sign impostor}":
    "the line of an Ed25519 key whose seed is 32 bytes of a0, named stranger.example/0; of a1, named as the log's origin",
  "{strangers N B}":
    'N lines of names stranger.example/1 to N; each decodes to 4 + B bytes: SHA-256 of the name and " 0", the name and " 1", …, cut',
  "{alias}":
    'a line of the name alias.example/0, the log\'s key ID, and 64 bytes: SHA-256 of "alias 0" and of "alias 1"',
  "{cosignatures}": "the lines the witness answered last for size S",
  "{witness} {forged-cosignature}":
    'the name of the witness\'s first given key; a line of its name and key ID and 72 bytes: SHA-256 of "forged 0" to "forged 2", cut',
  "no-padding padding-bits url-alphabet short long flipped":
    "behind other words: base64 without its padding; with the lowest unused bit set; in the alphabet of RFC 4648 §5, in every line; one byte shorter; longer by a zero byte; the last byte's lowest bit turned. Of several lines the first, of a signature line its base64. Where it changes nothing, the case cannot be run",
  "extra drop-last": "behind {proof}: {hash 1} is added as a last line; the last line is left out",
};

export const CHECKS: Readonly<Record<string, string>> = {
  lines: "the body is one or more signature lines, each ending in a newline (here: at most 100, of 128 KiB)",
  "own-lines":
    "no line is of a name that one which was sent is of; when one is of no given witness key either, the case cannot be run: not all keys are given",
  verify:
    "there is a line, and each of a given witness key is its cosignature on the checkpoint that was sent; when none is of a given key, the case cannot be run",
  "verify-ed25519": "the same of lines that decode to 76 bytes",
  "verify-ml-dsa": "the same of lines that decode to 2,432 bytes: start 0, end the size",
  "has-ml-dsa": "a line decodes to 2,432 bytes",
  "time-set": "there is a line of 76 or 2,432 bytes, and no such line has the time 0",
  "time-near": "their times are within 600 s of the answer's Date, or of the tester's clock",
  "time-not-back": "their times are not before any that came for this log",
  small: "the body is less than 16,384 bytes",
  "size-type-exact": "Content-Type is text/x.tlog.size, byte by byte",
  "text-plain": "Content-Type is text/plain, whatever its parameters",
  "kept-alive": "there is no Connection: close",
  cors: "there is an Access-Control-Allow-Origin",
  "monitor-head":
    "the body is a checkpoint of the log's origin, of a size up to S and the root hash of that size",
  "monitor-log-line": "it has a line of the log's key that verifies",
  "monitor-cosignatures":
    "it has all lines of one of the answers for its size; the case cannot be run when what it has is of another time: earlier than those answers, or unknown since one was lost",
  "monitor-own-lines": "its lines of given witness keys verify",
  "subtree-verify":
    "there is a line, and each of a given witness key is an ML-DSA-44 cosignature with time 0 on leaves [`subtree`); when none is of a given key, the case cannot be run",
  "subtree-same-key": "every line is of a key of {cosignatures}",
};
