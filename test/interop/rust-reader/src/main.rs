//! Reads a tlog-tiles log with the crates signed_note and tlog_tiles: the checkpoint's signature, the root from the tiles, every entry,
//! and the log's own receipts and consistency proofs. It shares no code with what it checks.
//!
//!     rust-reader http://127.0.0.1:6962 VKEY
mod http;

use http::Log;
use sha2::{Digest, Sha256};
use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
use std::error::Error;
use tlog_tiles::{
    check_record, check_tree, record_hash, stored_hash_index, stored_hashes_for_record_hash,
    tree_hash, Checkpoint, Hash, HashReader, Tile, TileHashReader, TileReader,
};

const TILE_HEIGHT: u8 = 8;
const TILE_WIDTH: u64 = 256;
const PROOFS: u64 = 20;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, vkey] = arguments.as_slice() else {
        eprintln!("usage: rust-reader URL VKEY");
        std::process::exit(2);
    };
    if let Err(error) = read_log(&Log::at(url), vkey) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn read_log(log: &Log, vkey: &str) -> Result<()> {
    let checkpoint = open_checkpoint(&log.get("checkpoint")?, vkey)?;
    let (size, root) = (checkpoint.size(), *checkpoint.hash());
    println!("checkpoint: {}, size {size}", checkpoint.origin());
    let tiles = TileHashReader::new(size, root, log);
    if tree_hash(size, &tiles)? != root {
        return Err("the tiles make another root".into());
    }
    let (digest, leaves) = read_entries(log, size, &tiles)?;
    if root_of(&leaves)? != root {
        return Err("the entries make another root".into());
    }
    println!("entries: {size}, sha256 {digest}");
    println!("receipts: {}", check_receipts(log, size, &tiles, vkey)?);
    println!(
        "consistency: {}",
        check_consistency(log, size, &root, &tiles)?
    );
    Ok(())
}

fn open_checkpoint(bytes: &[u8], vkey: &str) -> Result<Checkpoint> {
    let verifier = StandardVerifier::new(vkey)?;
    let name = verifier.name().to_owned();
    let note = Note::from_bytes(bytes)?;
    note.verify(&VerifierList::new(vec![Box::new(verifier)]))?;
    let checkpoint = Checkpoint::from_bytes(note.text()).map_err(|error| error.to_string())?;
    if checkpoint.origin() != name {
        return Err(format!("a checkpoint of {}, not of {name}", checkpoint.origin()).into());
    }
    Ok(checkpoint)
}

/// Reads every bundle and compares each entry's hash with the one in its tile.
/// Returns the SHA-256 of all bundles, one after the other, and the hash of each entry.
fn read_entries(log: &Log, size: u64, tiles: &impl HashReader) -> Result<(String, Vec<Hash>)> {
    let (mut digest, mut leaves) = (Sha256::new(), Vec::new());
    for start in (0..size).step_by(TILE_WIDTH as usize) {
        let width = TILE_WIDTH.min(size - start);
        let tile = Tile::new(TILE_HEIGHT, 0, start / TILE_WIDTH, width as u32, true);
        let bundle = log.get(&tile.path().replace("tile/8/data/", "tile/entries/"))?;
        let indexes: Vec<u64> = (start..start + width)
            .map(|index| stored_hash_index(0, index))
            .collect();
        let mut rest = bundle.as_slice();
        for (index, want) in (start..).zip(tiles.read_hashes(&indexes)?) {
            let (entry, after) =
                cut_entry(rest).ok_or(format!("the bundle ends within entry {index}"))?;
            if record_hash(entry) != want {
                return Err(format!("entry {index} is not the one in the tree").into());
            }
            leaves.push(want);
            rest = after;
        }
        if !rest.is_empty() {
            return Err(format!("the bundle of entry {start} is too long").into());
        }
        digest.update(&bundle);
    }
    let digest = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((digest, leaves))
}

/// The root over all leaves, with no help from the tiles: in a tree of some sizes tlog_tiles 0.2.0 compares the root with the tiles at
/// the right edge alone, and takes the full ones as they come.
fn root_of(leaves: &[Hash]) -> Result<Hash> {
    let mut stored = Stored(Vec::new());
    for (index, leaf) in (0..).zip(leaves) {
        let more = stored_hashes_for_record_hash(index, *leaf, &stored)?;
        stored.0.extend(more);
    }
    Ok(tree_hash(leaves.len() as u64, &stored)?)
}

struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> std::result::Result<Vec<Hash>, tlog_tiles::Error> {
        let hash = |index: &u64| self.0.get(*index as usize).copied();
        indexes
            .iter()
            .map(hash)
            .collect::<Option<_>>()
            .ok_or(tlog_tiles::Error::IndexesNotInTree)
    }
}

fn cut_entry(bundle: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bundle.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Checks receipts (c2sp.org/tlog-proof) against the checkpoints that they hold.
fn check_receipts(log: &Log, size: u64, tiles: &impl HashReader, vkey: &str) -> Result<u64> {
    let mut count = 0;
    for index in spread(0, size) {
        let text = String::from_utf8(log.get(&format!("receipt/{index}"))?)?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or("a receipt without a checkpoint")?;
        let checkpoint = open_checkpoint(checkpoint.as_bytes(), vkey)?;
        let mut lines = head.split('\n');
        let of = format!("index {index}");
        if lines.next() != Some("c2sp.org/tlog-proof@v1") || lines.next() != Some(&of) {
            return Err(format!("not a receipt of entry {index}: {head:?}").into());
        }
        let proof = lines
            .map(Hash::parse_hash)
            .collect::<std::result::Result<_, _>>()?;
        let leaf = tiles.read_hashes(&[stored_hash_index(0, index)])?[0];
        check_record(&proof, checkpoint.size(), *checkpoint.hash(), index, leaf)
            .map_err(|error| format!("receipt of entry {index}: {error}"))?;
        count += 1;
    }
    Ok(count)
}

/// Checks the log's consistency proofs against the roots that the tiles make.
fn check_consistency(log: &Log, size: u64, root: &Hash, tiles: &impl HashReader) -> Result<u64> {
    let mut count = 0;
    for from in spread(1, size) {
        let answer = log.get(&format!("proof/consistency?from={from}&to={size}"))?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        let proof = answer["proof"]
            .as_array()
            .ok_or("no proof")?
            .iter()
            .map(|hash| {
                hash.as_str()
                    .and_then(hash_of_hex)
                    .ok_or("a malformed hash".into())
            })
            .collect::<Result<Vec<Hash>>>()?;
        check_tree(&proof, size, *root, from, tree_hash(from, tiles)?)
            .map_err(|error| format!("consistency from {from}: {error}"))?;
        count += 1;
    }
    Ok(count)
}

/// Numbers from `first` to `end`, about as many as there shall be proofs, at odd places too.
fn spread(first: u64, end: u64) -> impl Iterator<Item = u64> {
    (first..end).step_by((1 + end / PROOFS) as usize)
}

fn hash_of_hex(text: &str) -> Option<Hash> {
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    Some(Hash(bytes?.try_into().ok()?))
}

impl TileReader for Log {
    fn height(&self) -> u8 {
        TILE_HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> std::result::Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        tiles
            .iter()
            .map(|tile| self.kept(&tile.path().replace("tile/8/", "tile/")))
            .collect::<Result<_>>()
            .map_err(|error| tlog_tiles::Error::InvalidInput(error.to_string()))
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}
