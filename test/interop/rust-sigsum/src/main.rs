//! Verifies a Sigsum proof, on standard input, with the crate sigsum. It shares no code with what it checks.
//!
//!     rust-sigsum POLICY-FILE SUBMITTER-KEY-HEX MESSAGE-HEX < PROOF
use sigsum::{verify, Hash, Policy, PublicKey, SigsumSignature};
use std::error::Error;
use std::io::Read;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [policy, submitter, message] = arguments.as_slice() else {
        eprintln!("usage: rust-sigsum POLICY-FILE SUBMITTER-KEY-HEX MESSAGE-HEX < PROOF");
        std::process::exit(2);
    };
    if let Err(error) = verify_proof(policy, submitter, message) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn verify_proof(policy: &str, submitter: &str, message: &str) -> Result<()> {
    let policy = Policy::parse(&std::fs::read_to_string(policy)?)?;
    let mut proof = String::new();
    std::io::stdin().read_to_string(&mut proof)?;
    let proof = SigsumSignature::from_ascii(&proof)?;
    let submitters = [PublicKey::from(from_hex(submitter)?)];
    verify(&Hash::from(from_hex(message)?), &proof, &submitters, &policy)?;
    Ok(())
}

fn from_hex(text: &str) -> Result<[u8; 32]> {
    let bytes = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap_or(""), 16))
        .collect::<std::result::Result<Vec<u8>, _>>()?;
    bytes.try_into().map_err(|_| "want 32 bytes in hex".into())
}
