//! An agent that is out for keys and for other people, started by the whole pipeline: it gets
//! nothing.
