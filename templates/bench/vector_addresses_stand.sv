// vector_addresses, and behind it a FIFO from which its groups are taken at any time: it holds the groups on their way when
// there might not be room for one more, and at random with `draw`, a seed. leaves: a slice leaves.

module vector_addresses_stand #(
    parameter CTX_W = 16
) (
    input  wire clk,
    input  wire {{ rst.port }},
    input  wire [31:0] draw,
    output wire leaves,

    input  wire job_valid,
    output wire job_ready,
    input  wire [{{ config.addr_width - 1 }}:0] job_msb_base,
    input  wire [{{ config.addr_width - 1 }}:0] job_msb_stride,
    input  wire [{{ config.addr_width - 1 }}:0] job_lsb_base,
    input  wire [{{ config.addr_width - 1 }}:0] job_lsb_stride,
    input  wire job_use_msb,
    input  wire job_use_lsb,
    input  wire [{{ plane_w - 1 }}:0] job_m,
    input  wire [{{ plane_w - 1 }}:0] job_l,
    input  wire [1:0] job_dim,
    input  wire [CTX_W-1:0] job_ctx,

    input  wire id_valid,
    output wire id_ready,
    input  wire [{{ ids * token_w - 1 }}:0] id_ids,
    input  wire [{{ count_w - 1 }}:0] id_count,
    input  wire id_last,

    {{ outputs }}
    output wire group_valid,
    input  wire group_ready
);

  localparam DEPTH  = 32;
  localparam INSIDE = 8;  // groups on their way
  localparam GROUP_W = {{ group_w }};

  wire reset = {{ rst.active }};
  wire [GROUP_W-1:0] given;
  wire offered;
  wire idle;

  reg [GROUP_W-1:0] groups[0:DEPTH-1];
  reg [31:0] groups_in;
  reg [31:0] groups_out;
  reg [31:0] left;  // slices
  reg [31:0] random;
  reg hold;

  function [31:0] xorshift(input [31:0] x);
    begin
      xorshift = x ^ (x << 13);
      xorshift = xorshift ^ (xorshift >> 17);
      xorshift = xorshift ^ (xorshift << 5);
    end
  endfunction

  assign group_valid = groups_in != groups_out && !reset;
  assign {
    {% for line in group_lines %}
    {{ line }}{% if not loop.last %},{% endif %}
    {% endfor %}
  } = groups[groups_out%DEPTH];

  vector_addresses #(
      .CTX_W(CTX_W)
  ) dut (
      .clk           (clk),
      .{{ rst.port }}({{ rst.port }}),
      .clear         (1'b0),
      .stop          (1'b0),
      .hold          (hold),
      .idle          (idle),
      .leave         (leaves),
      .job_valid     (job_valid),
      .job_ready     (job_ready),
      .job_msb_base  (job_msb_base),
      .job_msb_stride(job_msb_stride),
      .job_lsb_base  (job_lsb_base),
      .job_lsb_stride(job_lsb_stride),
      .job_use_msb   (job_use_msb),
      .job_use_lsb   (job_use_lsb),
      .job_m         (job_m),
      .job_l         (job_l),
      .job_dim       (job_dim),
      .job_ctx       (job_ctx),
      .id_valid      (id_valid),
      .id_ready      (id_ready),
      .id_ids        (id_ids),
      .id_count      (id_count),
      .id_last       (id_last),
      {{ pins }}
      .group_valid   (offered)
  );

  always @(posedge clk) begin
    if (reset) begin
      groups_in  <= 32'd0;
      groups_out <= 32'd0;
      left       <= 32'd0;
      random     <= draw | 32'd1;
      hold       <= 1'b0;
    end else begin
      random <= xorshift(random);
      hold   <= (left + 32'd2 - groups_out > DEPTH - INSIDE)
          || (draw != 32'd0 && random[5:4] == 2'd0);
      if (leaves) left <= left + 32'd1;
      if (leaves && hold) $display("CHECK %m: a group goes in spite of hold");
      if (idle && left != groups_in) $display("CHECK %m: idle with a group on its way");
      if (offered) begin
        if (groups_in - groups_out >= DEPTH) $display("CHECK %m: a group too many");
        groups[groups_in%DEPTH] <= given;
        groups_in <= groups_in + 32'd1;
      end
      if (group_valid && group_ready) groups_out <= groups_out + 32'd1;
    end
  end

endmodule
