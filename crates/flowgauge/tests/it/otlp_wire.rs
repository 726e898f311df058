//! Writes OTLP protobuf by hand, so that tests do not share code with the reader.

/// A length-delimited field.
pub(crate) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(&mut out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out
}

pub(crate) fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8 & 0x7f) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn fixed64(number: u8, n: u64) -> Vec<u8> {
    let mut out = vec![number << 3 | 1];
    out.extend_from_slice(&n.to_le_bytes());
    out
}

/// A text attribute as the body of a `KeyValue`.
pub(crate) fn text(key: &str, value: &str) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat()
}

/// An integer attribute as the body of a `KeyValue`.
pub(crate) fn int(key: &str, value: i64) -> Vec<u8> {
    let mut any = vec![3 << 3];
    varint(&mut any, value as u64);
    [field(1, key.as_bytes()), field(2, &any)].concat()
}

/// A span: ids from `n`, attributes as given.
pub(crate) fn span(n: u64, start_ns: u64, end_ns: u64, attributes: &[Vec<u8>]) -> Vec<u8> {
    let trace = [n.to_be_bytes(), [7; 8]].concat();
    let id = (n + 1).to_be_bytes();
    let mut out = [field(1, &trace), field(2, &id), field(5, b"chat m")].concat();
    out.extend(fixed64(7, start_ns));
    out.extend(fixed64(8, end_ns));
    attributes.iter().for_each(|a| out.extend(field(9, a)));
    out
}

/// An export request of one resource and scope; also right for logs and metrics.
pub(crate) fn request(items: &[Vec<u8>]) -> Vec<u8> {
    let resource = field(1, &text("service.name", "shop"));
    let mut scope = field(1, &field(1, b"test"));
    items.iter().for_each(|s| scope.extend(field(2, s)));
    field(1, &[field(1, &resource), field(2, &scope)].concat())
}

/// A log record with an event name.
pub(crate) fn log(name: &str, time_ns: u64) -> Vec<u8> {
    [fixed64(1, time_ns), field(12, name.as_bytes())].concat()
}

/// A gauge with so many empty points.
pub(crate) fn gauge(points: usize) -> Vec<u8> {
    [field(1, b"m"), field(5, &field(1, &[]).repeat(points))].concat()
}
