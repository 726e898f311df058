//! Reports from facts to every format: golden files, figures equal in all of them, hostile words, well-formed markup.

#[cfg(test)]
mod day;
#[cfg(test)]
mod equal;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod markup;
#[cfg(test)]
mod schema;
