rtl/stream_reg.v
rtl/ram_1r1w.v
rtl/stream_fifo.v
rtl/zero_eliminator.v
rtl/lane_packer.v
rtl/topk_select.v
rtl/topk_filter.v
rtl/topk_engine.v
