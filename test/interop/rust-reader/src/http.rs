//! As much of an HTTP client as reading a log on this machine takes.
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Log {
    address: String,
    tiles: RefCell<HashMap<String, Vec<u8>>>,
}

impl Log {
    pub fn at(url: &str) -> Self {
        let address = url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        Log {
            address,
            tiles: RefCell::default(),
        }
    }

    /// A tile, asked for once: the crate checks its tiles anew each time it is handed them.
    pub fn kept(&self, path: &str) -> crate::Result<Vec<u8>> {
        if let Some(tile) = self.tiles.borrow().get(path) {
            return Ok(tile.clone());
        }
        let tile = self.get(path)?;
        self.tiles
            .borrow_mut()
            .insert(path.to_owned(), tile.clone());
        Ok(tile)
    }

    pub fn get(&self, path: &str) -> crate::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(
            stream,
            "GET /{path} HTTP/1.0\r\nHost: {}\r\n\r\n",
            self.address
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .ok_or("not an HTTP answer")?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status != "200" {
            return Err(format!("GET /{path}: {status}").into());
        }
        Ok(answer.split_off(end + 4))
    }
}
