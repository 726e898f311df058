//! Names as people type them, and what every row must have.

use super::*;

#[test]
fn a_name_is_found_with_or_without_its_suffix_and_folder() {
    for name in ["monitor-performance.sh", "monitor-performance", "scripts/monitor-performance.sh"]
    {
        assert_eq!(find(name).map(|row| row.id), Some("C01"), "{name}");
    }
    assert_eq!(find("knowledge-quality-mock-test").map(|row| row.id), Some("C47"));
    assert!(find("flowgauge").is_none() && find("").is_none());
}

#[test]
fn every_row_can_end_well_and_is_of_one_command() {
    for row in rows() {
        assert!(row.exits.contains(&0) && row.exits.is_sorted(), "{}", row.name);
        assert!(row.command.len() >= 2 && !row.about.is_empty(), "{}", row.name);
    }
}
