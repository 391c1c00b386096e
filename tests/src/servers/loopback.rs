//! A port on loopback, and a thread for each connection to it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Accepts connections until it is dropped; those that are open then are cut.
#[derive(Debug)]
pub(super) struct Loopback {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    open: Arc<Mutex<BTreeMap<usize, TcpStream>>>,
    accepting: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Listens on a free port, which the system chooses. A connection ends with the call that serves it.
    pub(super) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(BTreeMap::new()));
        let accepting = {
            let (stop, open, serve) = (Arc::clone(&stop), Arc::clone(&open), Arc::new(serve));
            thread::spawn(move || {
                let mut next = 0;
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that has gone already is nobody to serve.
                    let Ok(stream) = stream else { continue };
                    let Ok(copy) = stream.try_clone() else { continue };
                    let number = next;
                    next += 1;
                    open.lock().expect("no holder panics").insert(number, copy);
                    let (serve, open) = (Arc::clone(&serve), Arc::clone(&open));
                    thread::spawn(move || {
                        serve(stream);
                        // However many copies of it a program has got: the connection ends here.
                        if let Some(stream) = open.lock().expect("no holder panics").remove(&number) {
                            let _ = stream.shutdown(Shutdown::Both);
                        }
                    });
                }
            })
        };
        Self { address, stop, open, accepting: Some(accepting) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then sees that it is to stop.
        let _ = TcpStream::connect(self.address);
        let _ = self.accepting.take().map(JoinHandle::join);
        for stream in self.open.lock().expect("no holder panics").values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn connections_are_served_side_by_side_and_cut_in_the_end() {
        let server = Loopback::start(|mut stream| {
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() {
                stream.write_all(&byte).unwrap();
            }
        });
        let mut clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
        for (number, client) in clients.iter_mut().enumerate().rev() {
            client.write_all(&[number as u8]).unwrap();
            let mut byte = [9];
            client.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [number as u8]);
        }
        let address = server.address();
        drop(server);
        assert!(clients.iter_mut().all(|client| matches!(client.read(&mut [0]), Ok(0) | Err(_))));
        assert!(TcpStream::connect(address).is_err());
    }
}
