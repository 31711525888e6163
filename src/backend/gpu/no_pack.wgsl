fn pack(here: bool, t: u32, dim: u32, four: u32, x: vec4f, lane: u32) {
}
