//! What a hostile agent, a hostile provider and a hostile page on this machine try: addresses,
//! headers, framing, redirects, floods. Each file says what must hold for all of its cases.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod floods;
mod headers;
mod redirects;
mod site;
mod smuggling;
mod urls;
